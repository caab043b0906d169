//! Received and sent messages.

use serde_json::json;

use super::{CONTROL, ENTER, Page, SHIFT, TAB};

#[tokio::test(flavor = "multi_thread")]
async fn page_opens_and_acknowledges_messages_and_sends_to_operators() {
    require!("chromedriver");
    let page = Page::open().await;
    let proposed = page.browser.evaluate("return document.getElementById('fingerprint').value").await;
    let device = page.register().await;
    let same = page.harness.register(proposed.as_str().unwrap()).await;
    assert_eq!((&same.id, &same.token), (&device.id, &device.token), "it registered with the displayed fingerprint");

    page.harness.publish(&[&device], "note", json!({"text": "Grüße/1 😀 <b>bold</b>"})).await;
    page.harness.publish(&[&device], "order", json!({"n": 1.5, "items": ["<img src=x onerror=alert(1)>"]})).await;
    page.click("Poll now").await;
    page.wait_for_message("Grüße/1 😀 <b>bold</b>").await;
    page.wait_for_message("<img src=x onerror=alert(1)>").await;
    page.wait_for_state("waiting").await;
    assert_eq!(device.poll("").await.status, 204, "the messages were acknowledged");
    assert_eq!(device.messages("?cursor=-1").await.len(), 2);

    page.fill("message", "On my way").await;
    page.click("Send").await;
    page.wait_for_message("On my way").await;
    page.wait_for_text("messages", "You").await;
    assert_eq!(page.read_as_operator(&device).await.last().unwrap(), &(json!(device.id), json!({"text": "On my way"})));
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_usable_with_the_keyboard_alone() {
    require!("chromedriver");
    let page = Page::open().await;
    let focus = async || page.browser.evaluate("return document.activeElement.id").await;
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    page.browser.press(&TAB.to_string()).await;
    assert_eq!(focus().await, json!("fingerprint"));
    page.browser.press(&format!("till-1{TAB}{TAB}")).await;
    assert_eq!(focus().await, json!("name"));
    page.browser.press(&format!("Till 1{ENTER}")).await;
    page.wait_for_state("waiting").await;
    assert_eq!(focus().await, json!("message"), "the message field has the focus after registration");
    let device = page.device().await;
    let clients = page.harness.get_as_operator("/clients").await.json;
    assert_eq!(clients["clients"][0]["name"], json!("Till 1"));

    page.browser.press("All is well").await;
    page.browser.press_with(CONTROL, ENTER).await;
    page.wait_for_message("All is well").await;
    assert_eq!(page.read_as_operator(&device).await.len(), 1);
    let has_focus_ring = "const style = getComputedStyle(document.activeElement); \
                return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2";
    for expected in ["", "log", "", "earlier", "poll-now"] {
        page.browser.press_with(SHIFT, TAB).await;
        assert_eq!(focus().await, json!(expected));
        assert_eq!(page.browser.evaluate(has_focus_ring).await, json!(true), "{expected} shows that it has the focus");
    }
    page.harness.publish(&[&device], "note", json!({"text": "by keyboard"})).await;
    page.browser.press(&ENTER.to_string()).await;
    page.wait_for_message("by keyboard").await;

    page.browser.press(&format!("{TAB}{TAB}{ENTER}{TAB}{TAB}{TAB}{ENTER}")).await;
    page.browser.find("//dialog[@open]").await;
    page.browser.press(&format!("{TAB}{TAB}{ENTER}")).await;
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length").await, json!(0));
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_relays_a_message_to_other_clients() {
    require!("chromedriver");
    let page = Page::open().await;
    let other = page.harness.register("other").await;
    page.register().await;
    page.browser.find("//summary[.='Recipients and type']").await.click().await;
    page.fill("to", "nobody").await;
    page.fill("message", "{\"n\": [1, 2.50]}").await;
    page.browser.find("//input[@name='json']").await.click().await;
    page.click("Send").await;
    page.wait_for_text("compose-error", "nobody is not a client id.").await;
    page.fill("to", &format!("{},", other.id)).await;
    page.fill("type", "count").await;
    page.click("Send").await;
    page.wait_for_message("Relayed to").await;
    let relayed = other.messages("").await;
    assert_eq!(other.open(&relayed[0]).unwrap()["payload"], json!({"n": [1, 2.5]}));
    assert_eq!(relayed[0]["type"], json!("count"));
    page.fill("message", "{").await;
    page.click("Send").await;
    page.wait_for_text("compose-error", "The message is not valid JSON.").await;
    page.assert_quiet().await;
}
