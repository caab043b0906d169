//! Becoming a client, staying one, ceasing to be one.

use serde_json::{Value, json};

use super::Page;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_shut_out_is_told_so_and_can_come_back() {
    let page = Page::open().await;
    let device = page.register().await;
    page.revoke(&device).await;
    page.click("Poll now").await;
    page.wait_for_words("expelled", "Invalid token").await;
    page.wait_for_state("unauthorized").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length + localStorage.length").await, json!(1));
    let back = page.register().await;
    assert_ne!(back.id, device.id, "its fingerprint was free");
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_another_tab_has_changed_is_taken_up() {
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
async fn credentials_can_be_pasted_remembered_changed_and_forgotten() {
    let page = Page::open().await;
    let old = page.harness.register("elsewhere").await;
    page.click("Use these").await;
    page.wait_for_words("paste-error", "Credentials is required.").await;
    page.fill("credentials", "{\"client_id\": 7}").await;
    page.click("Use these").await;
    page.wait_for_words("paste-error", "not the JSON").await;
    let garbled = json!({"client_id": old.id, "personal_token": "{no key}", "api_token": old.token});
    page.fill("credentials", &garbled.to_string()).await;
    page.click("Use these").await;
    page.wait_for_words("paste-error", "The personal token is not a key in base64.").await;
    let pasted = json!({"client_id": old.id, "personal_token": old.key, "api_token": old.token});
    page.fill("credentials", &pasted.to_string()).await;
    page.browser.find("//form[@id='paste']//input[@name='remember']").await.click().await;
    page.click("Use these").await;
    page.wait_for_state("waiting").await;

    page.harness.publish(&[&old], "note", json!({"text": "before"})).await;
    page.click("Poll now").await;
    page.wait_for_message("before").await;
    page.browser.find("//summary[.='This client']").await.click().await;
    page.wait_for_words("client-id", &old.id).await;
    page.click("Rotate").await;
    page.wait_for_words("notice", "The token was changed.").await;
    assert_eq!(old.poll("").await.status, 401);
    page.browser.open(&format!("{}/client.html", page.harness.sidecar.url)).await;
    page.wait_for_state("waiting").await;
    page.click("Earlier").await;
    page.wait_for_message("before").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length").await, json!(0), "kept on the device alone");

    page.browser.find("//summary[.='This client']").await.click().await;
    page.click("Forget credentials").await;
    page.browser.find("//input[@id='forget-fingerprint']").await.click().await;
    page.browser.find("//button[@value='forget']").await.click().await;
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    let kept = page.browser.evaluate("return Object.keys(localStorage)").await;
    assert_eq!(kept, json!(["presence-sidecar.fingerprint"]), "a new one, for the next registration");
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_that_is_refused_is_explained_in_the_server_s_words() {
    let page = Page::with(&[("PRESENCE__REGISTRATION__TOKEN", "let-me-in-please")]).await;
    page.click("Register").await;
    page.wait_for_words("register-error", "Invalid registration token").await;
    page.fill("fingerprint", "   ").await;
    page.fill("token", "let-me-in-please").await;
    page.click("Register").await;
    page.wait_for_words("register-error", "The fingerprint field is required.").await;
    page.fill("fingerprint", "till-1").await;
    page.click("Register").await;
    page.wait_for_state("waiting").await;
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}
