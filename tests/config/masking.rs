//! Secrets are never printed: not in the listing, not in errors, not by `Debug`.

use presence_sidecar::config::{Sources, load};

use super::{Workspace, environment, error_of};

const SECRET: &str = "hush-hush-hush-hush";

fn every_secret() -> String {
    format!(
        "[database]\nurl = \"mysql://ada:{SECRET}a@db.test/app\"\npassword = \"{SECRET}b\"\n\
         [laravel]\napp_key = \"{SECRET}-32-bytes----\"\nprevious_keys = [\"{SECRET}-32-bytes-+--\"]\n\
         [messaging]\nadmin_token = \"{SECRET}c\"\noperator_tokens = [\"{SECRET}d\"]\n\
         [registration]\ntoken = \"{SECRET}e\"\n\
         [redis]\nurl = \"redis://ada:{SECRET}1@cache.test/2\"\npassword = \"{SECRET}2\"\n\
         [auth]\ntokens = [\"{SECRET}3\"]\nuser_token_secrets = [\"{SECRET}4\"]\n\
         [webhook]\nurl = \"https://a.test:81/{SECRET}/hook?token={SECRET}#{SECRET}\"\nsecret = \"{SECRET}5\"\nprevious_secrets = [\"{SECRET}6\"]\n\
         headers = {{ \"Authorization\" = \"{SECRET}7\" }}\n\
         [[webhook.endpoints]]\nname = \"crm\"\nurl = \"https://b.test\"\nsecret = \"{SECRET}8\"\n\
         previous_secrets = [\"{SECRET}9\"]\nheaders = {{ \"X-Key\" = \"{SECRET}0\" }}\n"
    )
}

#[test]
fn listing_and_debug_mask_secrets() {
    let workspace = Workspace::new();
    let file = workspace.write("presence.toml", &format!("driver = \"webhook\"\n{}", every_secret()));
    let loaded = load(&Sources { file: Some(file), ..environment(&[]) }).unwrap();
    for text in [loaded.describe(), format!("{loaded:?}"), format!("{:#?}", loaded.config), loaded.warnings.join("\n")]
    {
        assert!(!text.contains("hush"), "{text}");
    }
    let listing = loaded.describe();
    for line in [
        "redis.url = \"redis://ada:********@cache.test/2\"",
        "redis.password = \"********\"",
        "auth.tokens = [\"********\"]",
        "database.url = \"mysql://ada:********@db.test/app\"",
        "laravel.app_key = \"********\"",
        "messaging.operator_tokens = [\"********\"]",
        "registration.token = \"********\"",
        "webhook.url = \"https://a.test:81/********\"",
        "webhook.headers = { \"Authorization\" = \"********\" }",
        "webhook.endpoints[0].secret = \"********\"",
        "webhook.endpoints[0].headers = { \"X-Key\" = \"********\" }",
        "webhook.endpoints[0].url = \"https://b.test",
    ] {
        assert!(listing.contains(line), "{line} is not in\n{listing}");
    }
}

#[test]
fn errors_about_the_file_mask_secrets() {
    for wrong in [
        format!("[redis]\nurl = \"ftp://ada:{SECRET}@cache.test\""),
        format!("[redis]\nurl = \"redis://ada:{SECRET}@\""),
        format!("[redis]\nurl = \"{SECRET}\""),
        format!("[redis]\nurl = \"unix:///s.sock?db=x&password={SECRET}\""),
        format!("[redis]\nurl = [\"{SECRET}\"]"),
        format!("[redis]\npassword = [\"{SECRET}\"]"),
        format!("[auth]\ntokens = \"{SECRET}\""),
        format!("[database]\nurl = \"oracle://ada:{SECRET}@db.test\""),
        format!("[database]\nurl = \"mysql://ada:{SECRET}@:x\""),
        format!("[laravel]\napp_key = \"{SECRET}\""),
        format!("[messaging]\noperator_tokens = \"{SECRET}\""),
        format!("[auth]\ntokens = [\"{SECRET} {SECRET}\"]"),
        format!("[auth]\ntoken = \"{SECRET}\""),
        format!("[webhook]\nsecret = {{ a = \"{SECRET}\" }}"),
        format!("[webhook]\nprevious_secrets = [[\"{SECRET}\"]]"),
        format!("[webhook]\nurl = \"http://u:{SECRET}@a.test\"\nsecret = \"x\""),
        format!("[webhook]\nurl = \"http://{SECRET}@a.test\"\nsecret = \"x\""),
        format!("[webhook]\nurl = \"ftp://a.test/{SECRET}\"\nsecret = \"x\""),
        format!("[webhook]\nurl = \"http://169.254.169.254/{SECRET}\"\nsecret = \"x\""),
        format!("[webhook]\nurl = \"http://a.test\"\nsecret = \"whsec_{SECRET}\""),
        format!("[webhook]\nurl = \"http://a.test\"\nsecret = \"x\"\nprevious_secrets = [\"whsec_{SECRET}!\"]"),
        format!("[webhook]\nurl = \"http://a.test\"\nsecret = \"x\"\nheaders = {{ \"a b\" = \"{SECRET}\" }}"),
        format!("[webhook]\nheaders = [\"{SECRET}\"]"),
        format!("[[webhook.endpoints]]\nurl = \"x\"\nsecret = \"{SECRET}\""),
        format!(
            "[[webhook.endpoints]]\nurl = \"http://a.test\"\nsecret = \"x\"\nheaders = {{ \"a b\" = \"{SECRET}\" }}"
        ),
        format!("[webhook]\nendpoints = [\"{SECRET}\"]"),
        format!("[auth]\ntokens = [\"{SECRET}\""),
        format!("[auth]\ntokens = [{SECRET}]"),
    ] {
        let error = error_of(&wrong);
        assert!(!error.contains("hush"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn errors_about_the_environment_mask_secrets() {
    for (name, text) in [
        ("REDIS_URL", format!("ftp://ada:{SECRET}@cache.test")),
        ("PRESENCE_TOKEN", format!("{SECRET} {SECRET}")),
        ("PRESENCE__WEBHOOK__HEADERS", format!("X-Key: {SECRET}")),
        ("PRESENCE__WEBHOOK__ENDPOINTS", format!("[\"{SECRET}\"]")),
    ] {
        let error = super::error_with(&[(name, &text)]);
        assert!(error.contains(name) && !error.contains("hush"), "{error}");
    }
}
