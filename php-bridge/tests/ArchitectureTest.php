<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\PresenceManager;
use FilesystemIterator;
use PHPUnit\Framework\TestCase as PlainTestCase;
use RecursiveDirectoryIterator;
use RecursiveIteratorIterator;
use ReflectionClass;
use ReflectionProperty;

/** What holds for all of the package's classes. */
final class ArchitectureTest extends PlainTestCase
{
    private const SOURCE = __DIR__ . '/../src/';

    /** @return iterable<string, array{ReflectionClass}> */
    public function classes(): iterable
    {
        $folder = new RecursiveDirectoryIterator(self::SOURCE, FilesystemIterator::SKIP_DOTS);
        foreach (new RecursiveIteratorIterator($folder) as $file) {
            $name = strtr(substr($file->getPathname(), strlen(self::SOURCE), -4), '/', '\\');
            yield $name => [new ReflectionClass("AesirCloud\\Presence\\{$name}")];
        }
    }

    /** @dataProvider classes */
    public function test_a_class_is_final_but_for_the_one_that_the_fake_stands_in_for(ReflectionClass $class): void
    {
        $isFree = $class->isInterface() || $class->name === PresenceManager::class;
        self::assertTrue($isFree || $class->isFinal());
    }

    /** @dataProvider classes */
    public function test_nothing_outlives_a_request_in_a_static(ReflectionClass $class): void
    {
        $isOwn = fn (ReflectionProperty $property): bool => $property->class === $class->name;
        self::assertSame([], array_filter($class->getProperties(ReflectionProperty::IS_STATIC), $isOwn));
    }

    /** @dataProvider classes */
    public function test_the_environment_is_read_by_the_configuration_alone(ReflectionClass $class): void
    {
        $code = (string) file_get_contents((string) $class->getFileName());
        self::assertDoesNotMatchRegularExpression('/\b(env|getenv|putenv)\(|\$_(ENV|SERVER)\b/', $code);
    }

    /** @dataProvider classes */
    public function test_a_file_is_short_enough_to_be_read_at_once(ReflectionClass $class): void
    {
        self::assertLessThanOrEqual(250, count((array) file((string) $class->getFileName())));
    }
}
