//! The files of the page: what is served, how it is cached, and that it can be turned off.

use super::{AdminPage, Sidecar};
use crate::support::Client;

/// The paths that the page loads, and that its scripts import.
async fn paths(client: &Client) -> Vec<String> {
    let page = client.get("/admin").await;
    assert_eq!(page.status, 200);
    let links = page.text.split('"').filter(|text| text.starts_with("admin/"));
    links.map(|path| format!("/{path}")).collect()
}

#[tokio::test]
async fn page_names_files_with_a_version_that_never_change() {
    let sidecar = Sidecar::start().await;
    let version = format!("/admin/{}/", env!("CARGO_PKG_VERSION"));
    let paths = paths(&sidecar.client).await;
    assert!(paths.len() > 10, "{paths:?}");
    for path in &paths {
        assert!(path.starts_with(&version), "{path}");
        let file = sidecar.client.get(path).await;
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable", "{path}");
        let tag = file.headers["etag"].to_str().unwrap();
        assert!(tag.starts_with('"'), "{path}: {tag} is weak");
        for imported in file.text.lines().filter_map(|line| line.split_once(" from './")) {
            let name = imported.1.trim_end_matches("';");
            assert!(
                paths.contains(&format!("{version}{name}")),
                "{path} imports {name}, which the page does not preload"
            );
        }
        assert!(!file.text.contains("https://") && !file.text.contains("http://127"), "{path} names another host");
    }
}

#[tokio::test]
async fn page_is_revalidated_and_has_a_strict_policy() {
    let sidecar = Sidecar::start().await;
    let page = sidecar.client.get("/admin").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(policy.contains("trusted-types 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !page.text.contains("<script>") && !page.text.contains("style="));
    assert_eq!(page.headers["cache-control"], "public, no-cache");
    let request = sidecar.client.request(reqwest::Method::GET, "/admin").header("if-none-match", &page.headers["etag"]);
    let again = sidecar.client.send(request).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.headers["content-security-policy"], page.headers["content-security-policy"]);
}

#[tokio::test]
async fn page_is_absent_when_it_is_disabled() {
    let with = Sidecar::start().await;
    let without = Sidecar::with(&[("PRESENCE__ADMIN__ENABLED", "false".to_owned())]).await;
    for path in paths(&with.client).await.iter().map(String::as_str).chain(["/admin", "/admin/"]) {
        assert_eq!(without.client.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn address_with_a_slash_at_its_end_leads_to_the_page() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    let page = AdminPage::open(&sidecar.url).await;
    page.browser.open(&format!("{}/", page.url)).await;
    page.shows("h1", "Sign in").await;
    assert_eq!(page.browser.evaluate("return location.pathname").await, "/admin");
}
