<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// Made by rehome-setup from the site's answers; changes are lost at the next "rehome-setup apply".
// PostfixAdmin reads this file after its own config.inc.php.
$CONF['configured'] = true;
// No password opens setup.php: the administrator is made by rehome-setup, and Apache denies the page.
$CONF['setup_password'] = '';
$CONF['default_language'] = '@{answers.language}';

$CONF['database_type'] = 'mysqli';
$CONF['database_host'] = 'localhost';
$CONF['database_socket'] = '/run/mysqld/mysqld.sock';
$CONF['database_user'] = 'postfixadmin';
$CONF['database_password'] = '@{secret.postfixadmin-db}';
$CONF['database_name'] = 'postfixadmin';

$CONF['admin_email'] = '@{answers.admin.email}';
$CONF['smtp_server'] = 'localhost';
// Dovecot 2.4 refuses PostfixAdmin's own default (md5crypt) for new accounts.
$CONF['encrypt'] = 'php_crypt:SHA512';
$CONF['show_password'] = 'NO';
$CONF['password_expiration'] = 'NO';
$CONF['emailcheck_resolve_domain'] = 'NO';

// DOMAIN/USER/ below /srv/mail, as the mail service expects it.
$CONF['domain_path'] = 'YES';
$CONF['domain_in_mailbox'] = 'NO';

// Quotas in MiB; the multiplier makes "20480" exactly 20 GiB.
$CONF['quota'] = 'YES';
$CONF['domain_quota'] = 'YES';
$CONF['quota_multiplier'] = '1048576';
$CONF['used_quotas'] = 'YES';
$CONF['new_quota_table'] = 'YES';
$CONF['aliases'] = '0';
$CONF['mailboxes'] = '0';
$CONF['maxquota'] = (string) intdiv(@{recipe.limits.mailbox}, 1048576);
$CONF['domain_quota_default'] = '0';

// What RFC 2142 asks for, and to somebody who exists.
$CONF['default_aliases'] = array(
    'abuse' => '@{answers.admin.email}',
    'hostmaster' => '@{answers.admin.email}',
    'postmaster' => '@{answers.admin.email}',
    'webmaster' => '@{answers.admin.email}',
);
$CONF['alias_domain'] = 'YES';
$CONF['edit_alias'] = 'YES';
$CONF['alias_control'] = 'YES';
$CONF['alias_control_admin'] = 'YES';
$CONF['special_alias_control'] = 'YES';
$CONF['recipient_delimiter'] = '+';
$CONF['page_size'] = '50';
$CONF['fetchmail'] = 'NO';
$CONF['vacation'] = 'NO';
$CONF['backup'] = 'NO';
$CONF['forgotten_user_password_reset'] = false;
$CONF['show_footer_text'] = 'YES';
$CONF['footer_text'] = '@{answers.hostname}';
$CONF['footer_link'] = 'https://@{answers.hostname}/';
$CONF['create_mailbox_subdirs'] = array();
