//! Laravel's `Str::trim`, which the `TrimStrings` middleware applies to the input of a request.

/// Removes white space and invisible characters from both ends, as `Illuminate\Support\Str::trim` of Laravel 12:
/// PCRE's Unicode `\s`, `Str::INVISIBLE_CHARACTERS` and the null byte.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || is_invisible(character))
}

fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\0' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0020}'
    )
}
