use presence_sidecar::laravel::cache_key::{
    Version, default_cache_prefix, default_redis_prefix, drops_letters, slug, store_prefix,
};

fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

#[test]
fn default_prefixes_have_hyphens_since_12_2_and_underscores_before() {
    for (text, redis, cache) in [
        ("12", "my-app-database-", "my-app-cache-"),
        ("12.2", "my-app-database-", "my-app-cache-"),
        ("v12.67.0", "my-app-database-", "my-app-cache-"),
        ("13", "my-app-database-", "my-app-cache-"),
        ("12.1", "my_app_database_", "my_app_cache_"),
        ("12.0.9", "my_app_database_", "my_app_cache_"),
        ("11", "my_app_database_", "my_app_cache_"),
        ("10.48.2", "my_app_database_", "my_app_cache_"),
    ] {
        assert_eq!(default_redis_prefix(version(text), "My App"), redis, "{text}");
        assert_eq!(default_cache_prefix(version(text), "My App"), cache, "{text}");
    }
}

#[test]
fn redis_store_adds_a_colon_to_the_cache_prefix_up_to_10() {
    assert_eq!(store_prefix(version("10"), "my_app_cache_"), "my_app_cache_:");
    assert_eq!(store_prefix(version("10.48"), ""), "");
    assert_eq!(store_prefix(version("11"), "my_app_cache_"), "my_app_cache_");
}

#[test]
fn invalid_version_is_rejected() {
    for text in ["", "v", "twelve", "12.", ".1", "12.x", "-1", "+12", "12.1-dev", "99999999999"] {
        assert!(text.parse::<Version>().is_err(), "{text:?}");
    }
}

#[test]
fn slugs_agree_with_laravel() {
    for (title, dashed, underscored) in [
        ("Laravel", "laravel", "laravel"),
        ("My  App_2 -- beta", "my-app-2-beta", "my_app_2_beta"),
        ("  Café São Paulo! ", "cafe-sao-paulo", "cafe_sao_paulo"),
        ("me@home", "me-at-home", "me_at_home"),
        ("Straße/Ærø.io", "strasseaeroio", "strasseaeroio"),
        ("It’s — fine", "its-fine", "its_fine"),
        ("Timișoara", "timisoara", "timisoara"),
        ("Ấn Độ", "an-do", "an_do"),
        ("", "", ""),
    ] {
        assert_eq!(slug(title, '-'), dashed, "{title:?}");
        assert_eq!(slug(title, '_'), underscored, "{title:?}");
    }
}

#[test]
fn drops_letters_reports_other_scripts() {
    for (title, drops) in [("Привет", true), ("日本 Shop", true), ("Ελλάδα", true), ("Timișoara №1 – «Ærø»!", false)]
    {
        assert_eq!(drops_letters(title), drops, "{title}");
    }
}

#[test]
fn latin_letters_are_transliterated_as_by_laravel() {
    require!("laravel");
    let title = |range: std::ops::RangeInclusive<char>| range.filter(|letter| letter.is_lowercase());
    let letters: Vec<String> =
        title('\u{df}'..='\u{17e}').chain(title('\u{1e00}'..='\u{1ef9}')).map(String::from).collect();
    let script = "error_reporting(0); require '/usr/share/php/Illuminate/autoload.php'; \
                  for ($i = 1; $i < $argc; $i++) echo Illuminate\\Support\\Str::slug($argv[$i]), \"\\n\";";
    let output = crate::support::command("laravel").args(["-r", script, "--"]).args(&letters).output();
    let output = output.expect("PHP starts");
    let spelled = String::from_utf8(output.stdout).expect("ASCII");
    assert_eq!(spelled.lines().count(), letters.len());
    for (letter, spelled) in letters.iter().zip(spelled.lines()) {
        assert_eq!(slug(letter, '-'), spelled, "{letter}");
    }
}
