//! All routes, and the layer that every request passes through.

use std::{net::SocketAddr, panic::AssertUnwindSafe};

use axum::{
    Extension, Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use serde_json::Value;
use tracing::Instrument as _;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    ballots,
    base_path::BasePath,
    bulk, commands, contests,
    cross_origin::CorsGrant,
    description, docs,
    health::{self, OperationListener},
    jury_status, log, mine, page, pass_revocations, passes,
    problem::{self, Problem},
    recusals, result, scores, staff_keys, standings,
    state::Api,
    turnout,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Acclaim", description = "A prize voting engine. Errors are RFC 9457 problem documents; their types are explained at /problems.", license(name = "Apache-2.0")),
    modifiers(&Credentials)
)]
struct ApiDoc;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        for name in ["pass", "key"] {
            components.add_security_scheme(name, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        }
    }
}

fn described_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(contests::routes())
        .merge(ballots::routes())
        .merge(mine::routes())
        .merge(bulk::routes())
        .merge(passes::routes())
        .merge(pass_revocations::routes())
        .merge(standings::routes())
        .merge(result::routes())
        .merge(turnout::routes())
        .merge(commands::routes())
        .merge(scores::routes())
        .merge(jury_status::routes())
        .merge(recusals::routes())
        .merge(staff_keys::routes())
        .merge(log::routes())
        .merge(health::routes())
}

/// Returns the description that `/openapi.json` serves, of a server without a base path.
#[must_use]
pub fn openapi() -> Value {
    description::complete(&described_routes().into_openapi(), &BasePath::default())
}

/// Returns the whole API as a service, with `others` beside it.
///
/// Requests must carry [`ConnectInfo`] of their peer.
pub fn router(api: Api, others: Router) -> Router {
    let (described_routes, document) = described_routes().split_for_parts();
    let docs = docs::routes(&description::complete(&document, &api.settings.base_path));
    service(described_routes.merge(page::routes()).merge(docs).merge(others.with_state(())), api)
}

/// Returns the routes of a process that only sequences: liveness, readiness and metrics.
pub fn operation(api: Api) -> Router {
    service(OpenApiRouter::new().merge(health::routes()).into(), api)
}

/// Returns the routes of the operation listener: those of [`operation`], in full to everyone.
pub fn operation_in_full(api: Api) -> Router {
    operation(api).layer(Extension(OperationListener))
}

fn service(routes: Router<Api>, api: Api) -> Router {
    let base = api.settings.base_path.clone();
    let router = routes
        .fallback(|| async { Problem::new(&problem::NOT_FOUND, "no resource has this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(&problem::METHOD_NOT_ALLOWED, "the route does not take this method")
        })
        .layer(middleware::from_fn_with_state(api.clone(), guard))
        .with_state(api);
    base.serve(router)
}

/// Handles the parts that all requests share.
///
/// It limits the requests of one network, catches panics, ends answers to revoked keys, sets the
/// headers for pages of other sites, and counts. It is one layer, because each layer costs every
/// request a microsecond.
async fn guard(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    // Probes must be answered independent of the load.
    let probe = matches!(request.uri().path(), "/healthz" | "/readyz");
    let key = api.access.key_hash(request.headers());
    let network = api.limiter.limited(peer, request.headers());
    let grant = api.settings.origins.allow(&request);
    let preflight = grant.as_ref().and_then(CorsGrant::preflight);
    let route = matched.as_ref().map_or("", MatchedPath::as_str);
    // The route is a template: paths contain ballot ids, which are not logged.
    let method = request.method();
    let span = tracing::debug_span!("request", %method, route, status = tracing::field::Empty);
    let mut response = match (api.limiter.check_network(network), preflight) {
        (Err(problem), _) if !probe => problem.into_response(),
        (_, Some(preflight)) => preflight,
        // A handler that panics leaves nothing half-done that other requests see.
        _ => {
            let handler = AssertUnwindSafe(next.run(request)).catch_unwind();
            handler.instrument(span.clone()).await.unwrap_or_else(|_| panicked())
        }
    };
    response = api.body_memory.limit_body(network, response);
    // Other routes, for example pages, do not check a key.
    if let Some(key) = key.filter(|_| route.starts_with("/v1/")) {
        response = api.revocations.end_on_revocation(response, key);
    }
    api.metrics.count_request(route, response.status());
    span.record("status", response.status().as_u16());
    response = api.settings.base_path.publish(response).await;
    if let Some(grant) = grant {
        grant.set_headers(response.headers_mut());
    }
    let nosniff = || HeaderValue::from_static("nosniff");
    response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert_with(nosniff);
    response
}

fn panicked() -> Response {
    // The panic's text is on standard error. It can hold anything, so the client gets none of it.
    Problem::new(&problem::INTERNAL, "a fault of the server").into_response()
}
