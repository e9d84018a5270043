//! A small WebDriver client for headless Chromium, over plain HTTP to chromedriver.
//!
//! Both programs are those of Debian.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::stage::until;

const DRIVER: &str = "/usr/bin/chromedriver";
const BROWSER: &str = "/usr/bin/chromium";
/// The key under which WebDriver gives an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The largest answer, in bytes: the accessibility tree of a long page.
const MAX_ANSWER_LENGTH: u64 = 64 << 20;

/// Keys as WebDriver encodes them.
pub(crate) mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const SPACE: &str = " ";
    pub(crate) const DOWN: &str = "\u{e015}";
}

/// A browser with an empty profile, which is closed when dropped.
pub(crate) struct Browser {
    driver: Child,
    agent: Agent,
    /// The URL of the WebDriver session.
    url: String,
    _profile: TempDir,
}

/// Returns whether browser tests are skipped.
///
/// Without a browser the tests fail with a message about the missing packages. They are skipped
/// only if `ACCLAIM_SKIP_BROWSER` is 1.
pub(crate) fn is_waived() -> bool {
    if [DRIVER, BROWSER].iter().all(|path| Path::new(path).exists()) {
        return false;
    }
    if std::env::var_os("ACCLAIM_SKIP_BROWSER").is_some_and(|value| value == "1") {
        return true;
    }
    panic!(
        "no browser: install the Debian packages chromium and chromium-driver, or set ACCLAIM_SKIP_BROWSER=1"
    );
}

impl Browser {
    pub(crate) fn start() -> Self {
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(driver.stdout.take().expect("stdout is piped")).lines();
        let port: u16 = lines
            .by_ref()
            .map(|line| line.expect("chromedriver writes text"))
            .find_map(|line| {
                line.strip_prefix("ChromeDriver was started successfully on port ")?
                    .strip_suffix('.')?
                    .parse()
                    .ok()
            })
            .expect("chromedriver prints its port");
        // Later output is read and dropped, so that it does not fill the pipe.
        thread::spawn(move || lines.for_each(drop));

        let profile = TempDir::new().expect("a directory for the profile");
        let mut arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            "--lang=en",
            "--window-size=1100,900",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let options = json!({"binary": BROWSER, "args": arguments});
        let capabilities = json!({"capabilities": {"alwaysMatch":
            {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}});
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let mut browser =
            Self { driver, agent, url: format!("http://127.0.0.1:{port}/session"), _profile: profile };
        let session = browser.post("", &capabilities);
        let id = session["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {session}"));
        browser.url = format!("{}/{id}", browser.url);
        browser
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.agent.post(format!("{}{path}", self.url)).send_json(body);
        let mut answer = answer.expect("chromedriver answers");
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_LENGTH).read_json::<Value>();
        let body = body.expect("chromedriver answers in JSON");
        assert!(answer.status().is_success(), "{path}: {}", body["value"]["message"]);
        body["value"].clone()
    }

    fn get(&self, path: &str) -> Value {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().expect("chromedriver answers");
        let body: Value = answer.body_mut().read_json().expect("chromedriver answers in JSON");
        body["value"].clone()
    }

    /// Loads an address, also if it differs from the present one only in its fragment.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({"url": "about:blank"}));
        self.post("/url", &json!({"url": url}));
    }

    /// Runs a script in the page. `arguments` are its arguments.
    pub(crate) fn run(&self, script: &str, arguments: &Value) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Runs a command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Returns the visible text of the page.
    pub(crate) fn text(&self) -> String {
        self.run("return document.body.innerText", &json!([])).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows `text`.
    pub(crate) fn sees(&self, text: &str) {
        until(
            || self.text().contains(text),
            || format!("the page never showed {text:?}, but:\n{}", self.text()),
        );
    }

    /// Waits for the element, scrolls to it, and clicks on the topmost element there, as a user
    /// does.
    ///
    /// `selector` is CSS.
    pub(crate) fn click(&self, selector: &str) {
        let is_there = "return document.querySelector(arguments[0])?.checkVisibility() ?? false";
        until(
            || self.run(is_there, &json!([selector])) == true,
            || format!("the page never had {selector}, but:\n{}", self.text()),
        );
        let scroll =
            "document.querySelector(arguments[0])?.scrollIntoView({block: 'center', behavior: 'instant'})";
        self.run(scroll, &json!([selector]));
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Returns the accessible name of an element.
    pub(crate) fn label(&self, selector: &str) -> String {
        self.get(&format!("/element/{}/computedlabel", self.element(selector)))
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn element(&self, selector: &str) -> String {
        let element = self.post("/element", &json!({"using": "css selector", "value": selector}));
        element[ELEMENT].as_str().expect("an element").to_owned()
    }

    /// Types keys into the element with the focus.
    pub(crate) fn press(&self, keys: &[&str]) {
        for key in keys {
            let actions = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
            self.post(
                "/actions",
                &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}),
            );
        }
    }

    /// Presses the tab key until the element with this id has the focus.
    pub(crate) fn tab_to(&self, id: &str) {
        for _ in 0..200 {
            if self.run("return document.activeElement?.id", &json!([])) == id {
                return;
            }
            self.press(&[key::TAB]);
        }
        panic!("the tab key never leads to {id}");
    }

    /// Returns the role and the accessible name of every visible control.
    pub(crate) fn controls(&self) -> Vec<(String, String)> {
        let elements = self.post(
            "/elements",
            &json!({"using": "css selector", "value": "input, button, a, select, textarea"}),
        );
        let ids = elements.as_array().into_iter().flatten().filter_map(|element| element[ELEMENT].as_str());
        ids.filter(|id| self.get(&format!("/element/{id}/displayed")) == true)
            .map(|id| {
                let read = |what: &str| {
                    self.get(&format!("/element/{id}/{what}")).as_str().unwrap_or_default().to_owned()
                };
                (read("computedrole"), read("computedlabel"))
            })
            .collect()
    }

    /// Returns the role and the name of each node in the accessibility tree, in order.
    ///
    /// Ignored nodes are left out.
    pub(crate) fn accessibility_nodes(&self) -> Vec<(String, String)> {
        let tree = self.devtools("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().into_iter().flatten().filter(|node| node["ignored"] == false);
        let read = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        nodes.map(|node| (read(&node["role"]), read(&node["name"]))).collect()
    }

    /// Prints the page, and returns the PDF.
    pub(crate) fn print(&self) -> Vec<u8> {
        let pdf = self.post("/print", &json!({"background": false}));
        STANDARD.decode(pdf.as_str().unwrap_or_default()).expect("base64")
    }

    /// Sets whether the screen prefers dark colours.
    pub(crate) fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Sets the size of the screen, in CSS pixels.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let parameters =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &parameters);
    }

    /// Returns by how many CSS pixels the page is wider than the screen.
    pub(crate) fn overflow(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.run(script, &json!([])).as_i64().expect("a number")
    }

    /// Saves a picture of the screen, or of the whole page, under `target/page-screenshots`.
    pub(crate) fn screenshot(&self, name: &str, whole: bool) {
        let shot = self.devtools("Page.captureScreenshot", &json!({"captureBeyondViewport": whole}));
        let bytes = STANDARD.decode(shot["data"].as_str().unwrap_or_default()).expect("base64");
        Self::save(&format!("{name}.png"), &bytes);
    }

    /// Saves a file beside the screenshots.
    pub(crate) fn save(name: &str, bytes: &[u8]) {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("page-screenshots");
        fs::create_dir_all(&directory).expect("a directory for screenshots");
        fs::write(directory.join(name), bytes).expect("a screenshot is written");
    }

    /// Returns the errors of the page since the last call: script errors and violations of its
    /// policy.
    ///
    /// Error answers of the server are left out, because tests provoke them.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        let texts = entries.as_array().into_iter().flatten().filter_map(|entry| entry["message"].as_str());
        texts
            .filter(|text| !text.contains("the server responded with a status of"))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _closed = self.agent.delete(&self.url).call();
        let _killed = self.driver.kill();
        let _ended = self.driver.wait();
    }
}
