-- SPDX-License-Identifier: GPL-2.0-or-later
-- The tables of PostfixAdmin 3.3 (schema 1847) that import writes, as its upgrade.php leaves them.
CREATE DATABASE postfixadmin DEFAULT CHARSET latin1 COLLATE latin1_general_ci;
USE postfixadmin;
CREATE TABLE config (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(20) NOT NULL DEFAULT '',
  value varchar(20) NOT NULL DEFAULT '', UNIQUE KEY name (name));
INSERT INTO config (name, value) VALUES ('version', '1847');
CREATE TABLE domain (domain varchar(255) NOT NULL PRIMARY KEY,
  description varchar(255) CHARACTER SET utf8mb3 NOT NULL, aliases int(10) NOT NULL DEFAULT 0,
  mailboxes int(10) NOT NULL DEFAULT 0, maxquota bigint(20) NOT NULL DEFAULT 0, quota bigint(20) NOT NULL DEFAULT 0,
  transport varchar(255) NOT NULL, backupmx tinyint(1) NOT NULL DEFAULT 0,
  created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL DEFAULT 1, password_expiry int DEFAULT 0);
CREATE TABLE alias_domain (alias_domain varchar(255) NOT NULL PRIMARY KEY, target_domain varchar(255) NOT NULL,
  created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL DEFAULT 1);
CREATE TABLE mailbox (username varchar(255) NOT NULL PRIMARY KEY, password varchar(255) NOT NULL,
  name varchar(255) CHARACTER SET utf8mb3 NOT NULL, maildir varchar(255) NOT NULL, quota bigint(20) NOT NULL DEFAULT 0,
  local_part varchar(255) NOT NULL, domain varchar(255) NOT NULL,
  created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL DEFAULT 1, phone varchar(30) CHARACTER SET utf8mb3 NOT NULL DEFAULT '',
  email_other varchar(255) CHARACTER SET utf8mb3 NOT NULL DEFAULT '', token varchar(255) CHARACTER SET utf8mb3 NOT NULL DEFAULT '',
  token_validity datetime NOT NULL DEFAULT '2000-01-01 00:00:00', password_expiry datetime NOT NULL DEFAULT '2000-01-01 00:00:00');
CREATE TABLE alias (address varchar(255) NOT NULL PRIMARY KEY, goto text NOT NULL, domain varchar(255) NOT NULL,
  created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL DEFAULT 1);
CREATE TABLE admin (username varchar(255) NOT NULL PRIMARY KEY, password varchar(255) NOT NULL,
  superadmin tinyint(1) NOT NULL DEFAULT 0, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1,
  phone varchar(30) CHARACTER SET utf8mb3 NOT NULL DEFAULT '', email_other varchar(255) CHARACTER SET utf8mb3 NOT NULL DEFAULT '',
  token varchar(255) CHARACTER SET utf8mb3 NOT NULL DEFAULT '', token_validity datetime NOT NULL DEFAULT '2000-01-01 00:00:00');
CREATE TABLE domain_admins (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, username varchar(255) NOT NULL,
  domain varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL DEFAULT 1, KEY username (username));
CREATE TABLE log (timestamp datetime NOT NULL DEFAULT '2000-01-01 00:00:00', username varchar(255) NOT NULL,
  domain varchar(255) NOT NULL, action varchar(255) NOT NULL, data text NOT NULL,
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, KEY timestamp (timestamp));
CREATE TABLE quota2 (username varchar(100) NOT NULL PRIMARY KEY, bytes bigint(20) NOT NULL DEFAULT 0,
  messages int NOT NULL DEFAULT 0);
