<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

/**
 * User ids in the names of broadcast channels. Pusher and Reverb accept `[-a-zA-Z0-9_=@,.;]` only, and a placeholder of
 * Laravel's channel routes does not match a dot. So each other byte of an id is written as `=` and two upper-case
 * hexadecimal digits: the id `acme:7` becomes `acme=3A7`. Ids of ASCII letters, digits and `-_@,;` stay as they are.
 */
final class ChannelName
{
    private const UNSAFE = '/[^-a-zA-Z0-9_@,;]/';

    /** Returns a user id as a part of a channel name. */
    public static function encode(int|string $userId): string
    {
        $encodeByte = fn (array $match): string => sprintf('=%02X', ord($match[0]));

        return (string) preg_replace_callback(self::UNSAFE, $encodeByte, (string) $userId);
    }

    /** Returns the user id of a part of a channel name, for authorization callbacks. */
    public static function decode(string $part): string
    {
        $decodeByte = fn (array $match): string => chr((int) hexdec($match[1]));

        return (string) preg_replace_callback('/=([0-9A-F]{2})/', $decodeByte, $part);
    }

    /** Returns the name of a user's channel: `{id}` in the pattern becomes the encoded id. */
    public static function forUser(string $pattern, int|string $userId): string
    {
        return str_replace('{id}', self::encode($userId), $pattern);
    }
}
