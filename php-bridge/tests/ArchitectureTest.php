<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\PresenceManager;
use FilesystemIterator;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase as PlainTestCase;
use RecursiveDirectoryIterator;
use RecursiveIteratorIterator;
use ReflectionClass;
use ReflectionMethod;
use ReflectionProperty;

/** Rules for all source files of the package. */
final class ArchitectureTest extends PlainTestCase
{
    private const ROOT = __DIR__ . '/../';

    private const MAX_FILE_LINES = 300;

    private const MAX_FUNCTION_LINES = 40;

    private const MAX_PARAMETERS = 5;

    /** @return iterable<string, array{ReflectionClass}> */
    public static function classes(): iterable
    {
        foreach (self::filesIn('src') as $name => $path) {
            $class = strtr(substr($name, strlen('src/'), -strlen('.php')), '/', '\\');
            yield $class => [new ReflectionClass("AesirCloud\\Presence\\{$class}")];
        }
    }

    /** @return iterable<string, array{string}> */
    public static function files(): iterable
    {
        foreach (['bin', 'config', 'demo', 'resources', 'routes', 'src', 'tests'] as $folder) {
            foreach (self::filesIn($folder) as $name => $path) {
                yield $name => [$path];
            }
        }
    }

    /** @return iterable<string, string> paths by name */
    private static function filesIn(string $folder): iterable
    {
        $entries = new RecursiveDirectoryIterator(self::ROOT . $folder, FilesystemIterator::SKIP_DOTS);
        foreach (new RecursiveIteratorIterator($entries) as $file) {
            $name = substr($file->getPathname(), strlen(self::ROOT));
            if (! str_contains($name, 'node_modules') && in_array($file->getExtension(), ['php', 'js', ''], true)) {
                yield $name => $file->getPathname();
            }
        }
    }

    /** @dataProvider classes */
    #[DataProvider('classes')]
    public function test_class_is_final_except_presence_manager(ReflectionClass $class): void
    {
        // The fake extends PresenceManager.
        $mayBeExtended = $class->isInterface() || $class->name === PresenceManager::class;
        self::assertTrue($mayBeExtended || $class->isFinal());
    }

    /** @dataProvider classes */
    #[DataProvider('classes')]
    public function test_class_has_no_static_properties(ReflectionClass $class): void
    {
        $isOwn = fn (ReflectionProperty $property): bool => $property->class === $class->name;
        self::assertSame([], array_filter($class->getProperties(ReflectionProperty::IS_STATIC), $isOwn));
    }

    /** @dataProvider classes */
    #[DataProvider('classes')]
    public function test_class_does_not_read_environment(ReflectionClass $class): void
    {
        $code = (string) file_get_contents((string) $class->getFileName());
        self::assertDoesNotMatchRegularExpression('/\b(env|getenv|putenv)\(|\$_(ENV|SERVER)\b/', $code);
    }

    /** @dataProvider classes */
    #[DataProvider('classes')]
    public function test_method_has_at_most_five_parameters(ReflectionClass $class): void
    {
        $isTooLong = fn (ReflectionMethod $method): bool => $method->class === $class->name
            && $method->getNumberOfParameters() > self::MAX_PARAMETERS;
        self::assertSame([], array_filter($class->getMethods(), $isTooLong));
    }

    /** @dataProvider files */
    #[DataProvider('files')]
    public function test_file_and_its_functions_are_short(string $path): void
    {
        $lines = file($path, FILE_IGNORE_NEW_LINES) ?: [];
        self::assertLessThanOrEqual(self::MAX_FILE_LINES, count($lines));
        $starts = [];
        foreach ($lines as $number => $line) {
            if (preg_match('/^( *)[a-z ]*\bfunction \w+\(/', $line, $matches)) {
                $starts[strlen($matches[1])] = $number;
            } elseif (preg_match('/^( *)}$/', $line, $matches) && isset($starts[strlen($matches[1])])) {
                $start = $starts[strlen($matches[1])];
                unset($starts[strlen($matches[1])]);
                self::assertLessThanOrEqual(self::MAX_FUNCTION_LINES, $number - $start + 1, trim($lines[$start]));
            }
        }
    }

    /** @return iterable<string, array{string}> */
    public static function texts(): iterable
    {
        yield from self::files();
        yield 'README.md' => [self::ROOT . 'README.md'];
    }

    /** @dataProvider texts */
    #[DataProvider('texts')]
    public function test_text_uses_no_indefinite_pronouns(string $path): void
    {
        $pronouns = ['whoe' . 'ver', 'no' . 'body', 'some' . 'body', 'any' . 'body', 'every' . 'body', 'what' . 'ever'];
        $pattern = '/\b(' . implode('|', $pronouns) . ')\b/i';
        self::assertDoesNotMatchRegularExpression($pattern, (string) file_get_contents($path));
    }
}
