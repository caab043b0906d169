//! Registration, stored credentials, rotation and revocation.

use serde_json::{Value, json};

use super::Page;

#[tokio::test(flavor = "multi_thread")]
async fn page_of_a_revoked_client_shows_the_reason_and_registers_again() {
    require!("chromedriver");
    let page = Page::open().await;
    let device = page.register().await;
    page.revoke(&device).await;
    page.click("Poll now").await;
    page.wait_for_text("setup-notice", "Invalid token").await;
    page.wait_for_state("unauthorized").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length + localStorage.length").await, json!(1));
    let back = page.register().await;
    assert_ne!(back.id, device.id, "its fingerprint was released");
    assert_eq!(page.console_errors().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn page_uses_the_token_that_another_tab_has_rotated() {
    require!("chromedriver");
    let page = Page::open().await;
    let old = page.register().await;
    let rotated = old.post("/clients/rotate", &json!({})).await;
    let store = "sessionStorage.setItem('presence-sidecar.credentials', JSON.stringify(credentials))";
    page.browser.evaluate(&format!("const credentials = {}; {store}", rotated.json)).await;
    page.harness.publish(&[&old], "note", json!({"text": "still here"})).await;
    page.click("Poll now").await;
    page.wait_for_message("still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_pasted_remembered_rotated_and_forgotten() {
    require!("chromedriver");
    let page = Page::open().await;
    let old = page.harness.register("elsewhere").await;
    page.click("Use credentials").await;
    page.wait_for_text("paste-error", "Credentials is required.").await;
    page.fill("credentials", "{\"client_id\": 7}").await;
    page.click("Use credentials").await;
    page.wait_for_text("paste-error", "not the JSON").await;
    let garbled = json!({"client_id": old.id, "personal_token": "{no key}", "api_token": old.token});
    page.fill("credentials", &garbled.to_string()).await;
    page.click("Use credentials").await;
    page.wait_for_text("paste-error", "The personal token is not a key in base64.").await;
    let pasted = json!({"client_id": old.id, "personal_token": old.key, "api_token": old.token});
    page.fill("credentials", &pasted.to_string()).await;
    page.browser.find("//form[@id='paste']//input[@name='remember']").await.click().await;
    page.click("Use credentials").await;
    page.wait_for_state("waiting").await;

    page.harness.publish(&[&old], "note", json!({"text": "before"})).await;
    page.click("Poll now").await;
    page.wait_for_message("before").await;
    page.browser.find("//summary[.='This client']").await.click().await;
    page.wait_for_text("client-id", &old.id).await;
    page.click("Rotate").await;
    page.wait_for_text("notice", "The token was rotated.").await;
    assert_eq!(old.poll("").await.status, 401);
    page.browser.open(&format!("{}/client.html", page.harness.sidecar.url)).await;
    page.wait_for_state("waiting").await;
    page.click("Earlier").await;
    page.wait_for_message("before").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length").await, json!(0), "stored on the device only");

    page.browser.find("//summary[.='This client']").await.click().await;
    page.click("Forget credentials").await;
    page.browser.find("//input[@id='forget-fingerprint']").await.click().await;
    page.browser.find("//button[@value='forget']").await.click().await;
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    let stored = page.browser.evaluate("return Object.keys(localStorage)").await;
    assert_eq!(stored, json!(["presence-sidecar.fingerprint"]), "a new one, for the next registration");
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_registration_shows_the_message_of_the_server() {
    require!("chromedriver");
    let page = Page::with(&[("PRESENCE__REGISTRATION__TOKEN", "let-me-in-please")]).await;
    page.click("Register").await;
    page.wait_for_text("register-error", "Invalid registration token").await;
    page.fill("fingerprint", "   ").await;
    page.fill("token", "let-me-in-please").await;
    page.click("Register").await;
    page.wait_for_text("register-error", "The fingerprint field is required.").await;
    page.fill("fingerprint", "till-1").await;
    page.click("Register").await;
    page.wait_for_state("waiting").await;
    assert_eq!(page.console_errors().await, Vec::<Value>::new());
}
