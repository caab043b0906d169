//! `/docs`: complete, usable, and without console errors.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::webdriver::Browser;
use crate::support::{Sidecar, TOKEN};

/// The XPath of the block of an operation.
fn block(method: &str, path: &str) -> String {
    format!("//div[contains(@class, 'opblock-{method}')][.//*[@data-path='{path}']]")
}

/// Tries an operation out; returns the text of the response.
async fn try_out(browser: &Browser, operation: &str) -> String {
    browser.find(&format!("{operation}//button[contains(@class, 'opblock-summary-control')]")).await.click().await;
    browser.find(&format!("{operation}//button[.='Try it out ']")).await.click().await;
    browser.find(&format!("{operation}//button[contains(@class, 'execute')]")).await.click().await;
    let response = format!("{operation}//table[contains(@class, 'live-responses-table')]/tbody");
    browser.find(&response).await.text().await
}

/// Asserts that the console has no errors.
async fn assert_quiet(browser: &Browser) {
    let console = browser.console().await;
    assert!(console.is_empty(), "console errors: {console:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_lists_every_operation_without_console_errors() {
    require!("chromedriver");
    let (sidecar, browser) = (Sidecar::start().await, Browser::start().await);
    let document = sidecar.client.get("/openapi.json").await.json;
    browser.open(&format!("{}/docs", sidecar.url)).await;
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let shown = browser.find(&block(method, path)).await.text().await;
            assert!(shown.contains(operation["summary"].as_str().unwrap()), "{method} {path}: {shown}");
            operations += 1;
        }
    }
    assert_eq!(browser.find_all("//div[contains(concat(@class, ' '), 'opblock ')]").await.len(), operations);
    assert_quiet(&browser).await;

    browser.save_screenshot("swagger").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_sends_a_heartbeat_with_the_service_token() {
    require!("chromedriver");
    let (sidecar, browser) = (Sidecar::start().await, Browser::start().await);
    browser.open(&format!("{}/docs", sidecar.url)).await;
    browser.find("//button[contains(@class, 'authorize')]").await.click().await;
    let service = "//div[contains(@class, 'modal-ux')]//div[contains(@class, 'auth-container')][.//code[.='service']]";
    browser.find(&format!("{service}//input")).await.type_in(TOKEN).await;
    browser.find(&format!("{service}//button[contains(@class, 'authorize')]")).await.click().await;
    browser.find("//div[contains(@class, 'modal-ux')]//button[contains(@class, 'btn-done')]").await.click().await;

    let shown = try_out(&browser, &block("post", "/api/v1/presence/heartbeat")).await;
    assert!(shown.starts_with("200"), "{shown}");
    assert!(shown.contains("came_online"), "{shown}");
    assert_quiet(&browser).await;

    assert_eq!(sidecar.client.changes().await.len(), 1);
}

/// A proxy that removes `/sidecar` from the beginning of each path; returns its URL.
async fn prefix_proxy(server: &str) -> String {
    let server = server.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}/sidecar", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let upstream = TcpStream::connect(&server).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = upstream.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut piece = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                    let text = String::from_utf8_lossy(&piece[..length]).replacen(" /sidecar/", " /", 1);
                    if to_server.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_behind_a_proxy_that_removes_a_prefix_calls_the_sidecar() {
    require!("chromedriver");
    let (sidecar, browser) = (Sidecar::start().await, Browser::start().await);
    browser.open(&format!("{}/docs", prefix_proxy(&sidecar.url).await)).await;
    let shown = try_out(&browser, &block("get", "/api/v1/presence/counts")).await;
    assert!(shown.starts_with("401") && shown.contains("Unauthenticated."), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_does_not_try_a_stream_that_never_ends() {
    require!("chromedriver");
    let (sidecar, browser) = (Sidecar::start().await, Browser::start().await);
    browser.open(&format!("{}/docs", sidecar.url)).await;
    let stream = block("get", "/api/v1/presence/stream");
    browser.find(&format!("{stream}//button[contains(@class, 'opblock-summary-control')]")).await.click().await;
    browser.find(&format!("{stream}//*[contains(@class, 'opblock-section')]")).await;
    let tries = "return document.querySelectorAll('.opblock.is-open .try-out').length";
    assert_eq!(browser.evaluate(tries).await, json!(0));
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn documents_are_compressed_for_clients_that_accept_it() {
    let sidecar = Sidecar::start().await;
    for (path, most) in [("/docs", 600_000), ("/openapi.json", 30_000), ("/openapi.yaml", 30_000)] {
        let get = |encoding: &'static str| {
            let request = sidecar.client.request(reqwest::Method::GET, path).header("accept-encoding", encoding);
            async move { request.send().await.unwrap() }
        };
        let plain = get("gzip;q=0, br").await;
        assert!(plain.headers().get("content-encoding").is_none());
        let compressed = get("deflate, gzip;q=0.5").await;
        assert_eq!(compressed.headers()["content-encoding"], "gzip");
        let vary = compressed.headers().get_all("vary").iter();
        assert!(vary.into_iter().any(|value| value == "Accept-Encoding"), "{path}");
        let bytes = compressed.bytes().await.unwrap();
        assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.len() < most, "{path}: {} bytes", bytes.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_shows_401_without_authorization() {
    require!("chromedriver");
    let (sidecar, browser) = (Sidecar::start().await, Browser::start().await);
    browser.open(&format!("{}/docs", sidecar.url)).await;
    let shown = try_out(&browser, &block("get", "/api/v1/presence/counts")).await;
    assert!(shown.starts_with("401") && shown.contains("Unauthenticated."), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_blocks_injected_scripts() {
    require!("chromedriver");
    let (sidecar, browser) = (Sidecar::start().await, Browser::start().await);
    browser.open(&format!("{}/docs", sidecar.url)).await;
    let inject = "const script = document.createElement('script'); script.textContent = 'window.foreign = true'; \
                  document.body.append(script); return window.foreign === undefined";
    assert_eq!(browser.evaluate(inject).await, json!(true));
    let console = browser.console().await;
    assert!(console.iter().any(|entry| entry["message"].as_str().unwrap().contains("Content Security Policy")));
}
