//! What the guide promises of RabbitMQ's own user interface, done as an operator does it, in a browser: find the dead
//! letter, read its reason, remove the cause, move it back, and see the activity appear.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod browser;

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::{Tool, has_tools};
use fantoccini::Locator;

use browser::Browser;

const NUMBER: &str = "+12025550143";

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_read_and_replayed_in_the_management_ui() {
    if !has_tools(&[Tool::Chromium, Tool::Chromedriver]) {
        return;
    }
    let app = TestApp::spawn().await;
    app.pipedrive.add_person("Casey Customer", &[NUMBER]);
    app.let_another_pass("create an activity").await;
    app.pipedrive.add_fault(FaultRule::always(
        "POST",
        "/api/v2/activities",
        Fault::forbidden(),
    ));
    app.post(call("call-4711", NUMBER)).await.assert_accepted();
    app.wait_for_dead_letters(1).await;
    let browser = Browser::start().await;

    log_in(&browser, &app).await;
    find_the_dead_letter(&browser, &app).await;
    read_its_reason(&browser).await;
    app.pipedrive.clear_faults();
    move_it_back(&browser).await;
    app.wait_for_activities(1).await;
    see_the_activity(&browser, &app).await;

    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    assert_eq!(app.pipedrive.activities().len(), 1);
    browser.close().await;
}

async fn log_in(browser: &Browser, app: &TestApp) {
    let mut url = app.management_url().clone();
    let (user, password) = (
        url.username().to_owned(),
        url.password().unwrap().to_owned(),
    );
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    browser.open(url.as_str()).await;
    browser.fill("input[name=username]", &user).await;
    browser.fill("input[name=password]", &password).await;
    browser.click(Locator::Css("input[type=submit]")).await;
    browser.wait_for_text("Overview").await;
}

async fn find_the_dead_letter(browser: &Browser, app: &TestApp) {
    browser
        .click(Locator::XPath(
            "//div[@id='menu']//a[starts-with(text(), 'Queues')]",
        ))
        .await;
    let row = format!(
        "//tr[td//text()='{}']//a[text()='interactions.dead']",
        app.vhost().name()
    );
    // Its counts are a few seconds old.
    let counted = format!("{row}[ancestor::tr/td[normalize-space()='1']]");
    browser.wait_for(Locator::XPath(&counted)).await;
    browser.screenshot("rabbitmq-queues").await;
    browser.click(Locator::XPath(&row)).await;
    browser.wait_for_text("Queue interactions.dead").await;
}

async fn read_its_reason(browser: &Browser) {
    open_section(browser, "Get messages").await;
    browser
        .click(Locator::XPath(
            "//input[@type='submit' and starts-with(@value, 'Get Message')]",
        ))
        .await;
    let shown = Locator::XPath("//div[@id='msg-wrapper']//td[contains(., 'pipedrive_forbidden')]");
    let message = browser.wait_for(shown).await;
    let text = browser.text("#msg-wrapper").await;
    for shown in [
        "x-failure-class",
        "permanent",
        "x-failure-reason",
        "pipedrive_forbidden",
        "x-http-status",
        "403",
        "x-failed-step",
        "record",
        "call-4711",
    ] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    browser.scroll_to(&message).await;
    browser.screenshot("rabbitmq-dead-letter").await;
}

async fn move_it_back(browser: &Browser) {
    open_section(browser, "Move messages").await;
    browser
        .fill("input[name=dest-queue]", "interactions.work")
        .await;
    let button = Locator::XPath("//input[@type='submit' and starts-with(@value, 'Move')]");
    let shown = browser.wait_for(button).await;
    browser.scroll_to(&shown).await;
    browser.screenshot("rabbitmq-move").await;
    browser.click(button).await;
}

async fn see_the_activity(browser: &Browser, app: &TestApp) {
    browser.open(&app.sandbox().base_url()).await;
    browser.wait_for_text("Casey Customer").await;
    browser.wait_for_text("call-4711").await;
    browser.screenshot("sandbox-replayed").await;
}

/// Unfolds a section of a queue's page. A click that the page's renewal swallowed, or that hit twice, is made up for.
async fn open_section(browser: &Browser, title: &str) {
    let heading = format!("//h2[normalize-space()='{title}']");
    let content = format!("{heading}/following-sibling::div");
    browser
        .unfold(Locator::XPath(&heading), Locator::XPath(&content))
        .await;
}
