//! A panic in a handler fails its own request only.

use std::net::{Ipv4Addr, SocketAddr};

use acclaim_cli::{
    config::Config,
    engine::{Engine, Role},
};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
    routing::get,
};
use tower::ServiceExt as _;

async fn broken() -> &'static str {
    panic!("a secret")
}

#[tokio::test]
async fn panic_is_answered_as_internal_error_without_details() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(&Config::embedded(folder.path().join("data")), Role::All).await.unwrap();
    let router = engine.router_with(Router::new().route("/broken", get(broken)));
    let request = Request::get("/broken")
        .extension(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
        .body(Body::empty())
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body = String::from_utf8_lossy(&body);
    assert!(body.contains("/problems/internal") && !body.contains("secret"), "{body}");
    engine.stop().await;
}
