//! The span of a request: its fields, and that it names no path.

use acclaim_test_support::CapturedLog;
use tracing::Level;

use crate::site::Site;

#[test]
fn logs_span_of_each_request_at_debug() {
    let site = Site::start();
    let log = CapturedLog::start(Level::DEBUG);
    assert_eq!(site.send("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(site.send("GET", "/v1/contests/secret-prize", &[], b"").status, 404);
    let text = log.text();
    assert!(text.contains(r#"request{method=GET route="/healthz" status=200}"#), "{text}");
    assert!(text.contains(r#"request{method=GET route="/v1/contests/{contest}" status=404}"#), "{text}");
    assert!(text.contains("time.busy="), "{text}");
    assert!(!text.contains("secret-prize"), "{text}");
}

#[test]
fn logs_no_span_at_info() {
    let site = Site::start();
    let log = CapturedLog::start(Level::INFO);
    assert_eq!(site.send("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(log.text(), "");
}
