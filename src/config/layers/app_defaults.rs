//! The default prefixes in the configuration files of a Laravel app, which keep the form of the version that made the app.

use crate::laravel::cache_key::slug;

/// The second argument of `env('REDIS_PREFIX', …)` or `env('CACHE_PREFIX', …)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultPrefix {
    /// A text.
    Text(String),
    /// `Str::slug(env('APP_NAME', 'laravel'), '_').'_database_'`.
    OfName {
        /// The default of `APP_NAME`.
        name: String,
        /// `_` or `-`.
        separator: char,
        /// Such as `_database_`.
        suffix: String,
    },
}

impl DefaultPrefix {
    /// The default of `variable` in the text of a PHP file; `None` if there is none, or one of another form.
    pub fn find(text: &str, variable: &str) -> Option<Self> {
        let code = without_spaces(text);
        let (_, rest) = code.split_once(&format!("'prefix'=>env('{variable}',"))?;
        // What follows is the rest of the array.
        let is_whole = |rest: &str| rest.starts_with(&[')', ','][..]);
        if let Some((text, rest)) = literal(rest) {
            return is_whole(rest).then_some(Self::Text(text));
        }
        let rest = ["Str::slug(", "\\Illuminate\\Support\\Str::slug(", "str_slug("]
            .iter()
            .find_map(|call| rest.strip_prefix(call))?;
        let rest = rest.strip_prefix("(string)").unwrap_or(rest).strip_prefix("env('APP_NAME',")?;
        let (name, rest) = literal(rest)?;
        let rest = rest.strip_prefix(')')?;
        let (separator, rest) = match rest.strip_prefix(',') {
            Some(rest) => literal(rest)?,
            None => ("-".to_owned(), rest),
        };
        let (suffix, rest) = literal(rest.strip_prefix(").")?)?;
        let separator = separator.chars().next().filter(|_| separator.len() == 1)?;
        is_whole(rest).then_some(Self::OfName { name, separator, suffix })
    }

    /// The prefix of an app with this `APP_NAME`; `None` if it is not set.
    pub fn of(&self, app_name: Option<&str>) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::OfName { name, separator, suffix } => {
                format!("{}{suffix}", slug(app_name.unwrap_or(name), *separator))
            }
        }
    }
}

/// The text between quotes at the beginning, and what follows.
fn literal(code: &str) -> Option<(String, &str)> {
    let (text, rest) = code.strip_prefix('\'')?.split_once('\'')?;
    (!text.contains('\\')).then(|| (text.to_owned(), rest))
}

/// PHP code without white space outside of texts, without lines that are comments, and with single quotes.
pub fn without_spaces(text: &str) -> String {
    let lines =
        text.lines().filter(|line| !["//", "#", "*", "/*", "|"].iter().any(|mark| line.trim_start().starts_with(mark)));
    let (mut code, mut is_quoted) = (String::with_capacity(text.len()), false);
    for letter in lines.flat_map(str::chars) {
        match letter {
            '\'' | '"' => {
                is_quoted = !is_quoted;
                code.push('\'');
            }
            letter if letter.is_whitespace() && !is_quoted => {}
            letter => code.push(letter),
        }
    }
    code
}
