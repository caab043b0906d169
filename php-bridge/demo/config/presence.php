<?php

// A page may watch everybody in its user's scope.
return ['sidecar' => ['user_tokens' => ['watch' => 'scope']]];
