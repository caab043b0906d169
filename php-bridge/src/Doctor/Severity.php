<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

/** The kind of a finding, with its label in the output. */
enum Severity: string
{
    case Fact = 'app ';
    case Ok = '<info>ok</info>  ';
    case Warning = '<comment>warn</comment>';
    case Problem = '<error>FIX</error> ';
}
