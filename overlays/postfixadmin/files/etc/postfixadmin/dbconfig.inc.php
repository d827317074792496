<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// config.inc.php insists on this file; the package's own can be read by www-data only, and PostfixAdmin
// runs as a user of its own here. What counts stands in config.local.php.
$dbuser = '';
$dbpass = '';
$basepath = '';
$dbname = 'postfixadmin';
$dbserver = 'localhost';
$dbport = '';
$dbtype = 'mysqli';
