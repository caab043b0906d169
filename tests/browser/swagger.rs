//! `/docs`: complete, usable, and without console errors.

use serde_json::json;

use super::webdriver::Browser;
use crate::support::{Sidecar, TOKEN};

/// The XPath of the block of an operation.
fn block(method: &str, path: &str) -> String {
    format!("//div[contains(@class, 'opblock-{method}')][.//*[@data-path='{path}']]")
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

    let heartbeat = block("post", "/api/v1/presence/heartbeat");
    browser.find(&format!("{heartbeat}//button[contains(@class, 'opblock-summary-control')]")).await.click().await;
    browser.find(&format!("{heartbeat}//button[.='Try it out ']")).await.click().await;
    browser.find(&format!("{heartbeat}//button[contains(@class, 'execute')]")).await.click().await;
    let answer = browser.find(&format!("{heartbeat}//table[contains(@class, 'live-responses-table')]/tbody")).await;
    let shown = answer.text().await;
    assert!(shown.starts_with("200"), "{shown}");
    assert!(shown.contains("came_online"), "{shown}");
    assert_quiet(&browser).await;

    assert_eq!(sidecar.client.changes().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_shows_401_without_authorization() {
    require!("chromedriver");
    let (sidecar, browser) = (Sidecar::start().await, Browser::start().await);
    browser.open(&format!("{}/docs", sidecar.url)).await;
    let counts = block("get", "/api/v1/presence/counts");
    browser.find(&format!("{counts}//button[contains(@class, 'opblock-summary-control')]")).await.click().await;
    browser.find(&format!("{counts}//button[.='Try it out ']")).await.click().await;
    browser.find(&format!("{counts}//button[contains(@class, 'execute')]")).await.click().await;
    let answer = browser.find(&format!("{counts}//table[contains(@class, 'live-responses-table')]/tbody")).await;
    let shown = answer.text().await;
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
