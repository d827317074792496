<?php
// SPDX-License-Identifier: GPL-2.0-or-later

/**
 * One person, one Roundcube account. The mail server takes a login as user@domain, user%domain and
 * user/domain, as vpopmail did; Roundcube would make a separate account, with address book and settings of
 * its own, for each spelling.
 */
class rehome_login extends rcube_plugin
{
    public $task = 'login';

    public function init()
    {
        $this->add_hook('authenticate', [$this, 'spell']);
    }

    public function spell($args)
    {
        if (is_string($args['user'] ?? null)) {
            $args['user'] = strtr(trim($args['user']), '%/', '@@');
        }

        return $args;
    }
}
