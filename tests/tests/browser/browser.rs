//! A headless Chromium, driven by chromedriver.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bridge_tests::servers::{Guardian, Scratch, wait_until};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The management UI renews itself every five seconds, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than the page takes to unfold a section.
const UNFOLDING: Duration = Duration::from_secs(3);
/// Where screenshots go, if anywhere: the folder of the documentation's, to renew them.
const SCREENSHOTS: &str = "BRIDGE_TEST_SCREENSHOTS";

/// An open browser. Dropping it ends it.
pub struct Browser {
    client: Client,
    driver: Child,
    _guardian: Guardian,
    _profile: Scratch,
}

impl Drop for Browser {
    /// Ends the driver and, where a test failed before it was closed, the browser, which are one process group.
    fn drop(&mut self) {
        let group = self.driver.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group {
            killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
    }
}

impl Browser {
    pub async fn start() -> Self {
        let profile = Scratch::create().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let guardian = Guardian::over_process_group(driver.id().unwrap()).unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("chromedriver prints its port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        // Nothing reads on, and a full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            "--hide-scrollbars", "--window-size=1100,900",
            format!("--user-data-dir={}", profile.path().display()),
        ]});
        let capabilities = json!({"goog:chromeOptions": options});
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromium starts");
        Self {
            client,
            driver,
            _guardian: guardian,
            _profile: profile,
        }
    }

    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }

    /// Waits for an element that can be seen.
    pub async fn wait_for(&self, what: Locator<'_>) -> Element {
        let awaited = format!("{what:?}");
        let found = wait_until(&awaited, PATIENCE, async || {
            let element = self.client.find(what).await?;
            ensure!(element.is_displayed().await?, "it is not displayed");
            Ok(element)
        });
        match found.await {
            Ok(element) => element,
            Err(error) => {
                let page = self.text("body").await;
                panic!("{error:#}; the page says:\n{page}")
            }
        }
    }

    /// Clicks, once that is possible: the page may renew itself under the pointer.
    pub async fn click(&self, what: Locator<'_>) {
        wait_until(&format!("a click on {what:?}"), PATIENCE, async || {
            let element = self.client.find(what).await?;
            element.click().await.context("click")
        })
        .await
        .unwrap();
    }

    /// Clicks on `heading` until `content` is shown.
    pub async fn unfold(&self, heading: Locator<'_>, content: Locator<'_>) {
        let is_shown = async || -> anyhow::Result<bool> {
            Ok(self.client.find(content).await?.is_displayed().await?)
        };
        wait_until(&format!("{heading:?} unfolded"), PATIENCE, async || {
            if !is_shown().await? {
                self.client.find(heading).await?.click().await?;
                // Unfolding takes a moment, in which another click would fold it again.
                wait_until("its content", UNFOLDING, async || {
                    ensure!(is_shown().await?, "it is folded");
                    Ok(())
                })
                .await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    }

    pub async fn fill(&self, field: &str, text: &str) {
        wait_until(&format!("{field} filled"), PATIENCE, async || {
            let element = self.client.find(Locator::Css(field)).await?;
            element.clear().await?;
            element.send_keys(text).await?;
            let value = element.prop("value").await?;
            ensure!(value.as_deref() == Some(text), "it holds {value:?}");
            Ok(())
        })
        .await
        .unwrap();
    }

    pub async fn wait_for_text(&self, text: &str) {
        wait_until(&format!("`{text}` on the page"), PATIENCE, async || {
            let page = self.client.find(Locator::Css("body")).await?.text().await?;
            ensure!(page.contains(text), "it says:\n{page}");
            Ok(())
        })
        .await
        .unwrap();
    }

    /// The text of an element, what has to be scrolled to included.
    pub async fn text(&self, what: &str) -> String {
        let element = self.client.find(Locator::Css(what)).await.unwrap();
        element
            .prop("textContent")
            .await
            .unwrap()
            .unwrap_or_default()
    }

    pub async fn scroll_to(&self, element: &Element) {
        let arguments = vec![serde_json::to_value(element).unwrap()];
        let scroll = "arguments[0].scrollIntoView({block: 'end'}); \
                      for (let e = arguments[0]; e; e = e.parentElement) e.scrollLeft = 0;";
        self.client.execute(scroll, arguments).await.unwrap();
    }

    /// Keeps what is seen, if that is asked for.
    pub async fn screenshot(&self, name: &str) {
        if let Some(folder) = std::env::var_os(SCREENSHOTS) {
            let path = PathBuf::from(folder).join(format!("{name}.png"));
            std::fs::write(path, self.client.screenshot().await.unwrap()).unwrap();
        }
    }
}
