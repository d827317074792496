<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// Made by rehome-setup from the site's answers; changes are lost at the next "rehome-setup apply".
$config = [];

$config['db_dsnw'] = 'mysql://roundcube:@{secret.roundcube-db}@unix(/run/mysqld/mysqld.sock)/roundcube';
$config['des_key'] = '@{secret.roundcube-key}';
$config['cipher_method'] = 'AES-256-CBC';

// To this machine by its own name (/etc/hosts leads back here), over TLS, with its own certificate checked.
$config['imap_host'] = 'ssl://@{answers.hostname}:993';
$config['imap_conn_options'] = ['ssl' => [
    'verify_peer' => true,
    'verify_peer_name' => true,
    'cafile' => '/etc/rehome/tls/cert.pem',
]];
$config['imap_delimiter'] = '.';
$config['smtp_host'] = 'ssl://@{answers.hostname}:465';
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['smtp_conn_options'] = $config['imap_conn_options'];
$config['managesieve_host'] = 'tls://@{answers.hostname}:4190';
$config['managesieve_conn_options'] = $config['imap_conn_options'];
$config['managesieve_mbox_encoding'] = 'UTF-8';

// A bare name is of the main domain, as for the other mail programs; rehome_login sees to user%domain.
$config['username_domain'] = '@{answers.domain}';
$config['login_lc'] = 2;
$config['mail_domain'] = '%d';
$config['use_https'] = true;
$config['session_lifetime'] = 60;
$config['session_samesite'] = 'Strict';
$config['login_autocomplete'] = 2;

$config['plugins'] = ['rehome_login', 'archive', 'zipdownload', 'managesieve', 'password'];
$config['skin'] = 'elastic';
$config['product_name'] = '@{answers.domain}';
$config['support_url'] = '';
$config['enable_spellcheck'] = false;
// null: the language of the browser, Japanese and English among them.
$config['language'] = null;
$config['max_message_size'] = '@{recipe.limits.message}';

// Below INBOX, as the old server had them; made when they are first needed, not at login.
$config['drafts_mbox'] = 'INBOX.Drafts';
$config['junk_mbox'] = 'INBOX.Junk';
$config['sent_mbox'] = 'INBOX.Sent';
$config['trash_mbox'] = 'INBOX.Trash';
$config['archive_mbox'] = 'INBOX.Archive';
$config['create_default_folders'] = false;

// Into the journal: journalctl -t roundcube
$config['log_driver'] = 'syslog';
$config['syslog_facility'] = LOG_MAIL;
$config['log_logins'] = true;
$config['temp_dir'] = '/var/lib/roundcube/temp';

// Passwords: straight into PostfixAdmin's table, by a database user that may do nothing else.
$config['password_driver'] = 'sql';
$config['password_db_dsn'] = 'mysql://roundcube_password:@{secret.roundcube-password-db}@unix(/run/mysqld/mysqld.sock)/postfixadmin';
$config['password_query'] = 'UPDATE mailbox SET password=%P, modified=NOW() WHERE username=%u AND active=1';
$config['password_algorithm'] = 'sha512-crypt';
$config['password_algorithm_prefix'] = '';
$config['password_confirm_current'] = true;
$config['password_minimum_length'] = 10;
