//! Metrics for Prometheus. A label never holds a secret, an address, or the id of a ballot or
//! voter.

use acclaim_service::submission_queue::QueueMetrics;
use axum::http::StatusCode;
use parking_lot::Mutex;
use prometheus::{
    Encoder as _, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};

/// The value of the label `answer` for a recorded ballot. Most ballots have it.
pub(crate) const RECORDED: &str = "recorded";

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    /// Ballots by answer.
    ballots: IntCounterVec,
    /// The counter of `ballots` for the answer [`RECORDED`]. No lookup by label is needed.
    recorded: IntCounter,
    /// Requests by route and status.
    pub(crate) requests: IntCounterVec,
    /// Metrics of the submission queue.
    queue: QueueMetrics,
    /// Seconds from a ballot's arrival to its answer `recorded`.
    pub(crate) recorded_seconds: Histogram,
    /// Entries in the log, by contest.
    pub(crate) log_size: IntGaugeVec,
    /// Ballots that the intake holds, by contest.
    pub(crate) backlog: IntGaugeVec,
    /// 1 if recording works, 0 if not, by contest.
    pub(crate) recording: IntGaugeVec,
    /// Number of the intake's settings that can cause the loss of accepted ballots.
    pub(crate) weak_settings: IntGauge,
    /// Servers of the intake that have no memory left.
    pub(crate) full_servers: IntGauge,
    /// How far the intake's clock is ahead of this process's clock, in seconds.
    pub(crate) skew_seconds: Gauge,
    /// Ballots, notices and checkpoints in the intake that no process of this installation wrote.
    pub(crate) forged: IntCounter,
    /// Contests whose rows were repaired from their logs.
    pub(crate) repairs: IntCounter,
    /// Locked while one request for metrics sets the metrics by contest and renders all metrics.
    pub(crate) scrape: Mutex<()>,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let contest_gauges = |name: &str, help: &str| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), &["contest"]))
        };
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let counter = |name: &str, help: &str| register(&registry, IntCounter::new(name, help));
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            register(
                &registry,
                Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())),
            )
        };
        let ballots = counters(
            "acclaim_ballots_total",
            "Ballots by answer: recorded, again, or a problem's code",
            &["answer"],
        );
        Self {
            recorded: ballots.with_label_values(&[RECORDED]),
            ballots,
            requests: counters(
                "acclaim_requests_total",
                "Requests by route and status",
                &["route", "status"],
            ),
            recorded_seconds: histogram(
                "acclaim_recorded_seconds",
                "Seconds from a ballot's arrival to its answer recorded",
                &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0],
            ),
            queue: QueueMetrics {
                waiting: gauge("acclaim_waiting_requests", "Requests that wait for a ballot's outcome"),
                batch_size: histogram(
                    "acclaim_batch_ballots",
                    "Ballots of one submission to the intake",
                    &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0],
                ),
            },
            log_size: contest_gauges("acclaim_log_entries", "Entries in the log"),
            backlog: contest_gauges("acclaim_backlog_ballots", "Ballots that the intake holds"),
            recording: contest_gauges("acclaim_recording_well", "1 if recording works, 0 if not"),
            weak_settings: gauge(
                "acclaim_intake_weak_settings",
                "Settings of the intake that can cause the loss of accepted ballots",
            ),
            full_servers: gauge(
                "acclaim_intake_full_servers",
                "Servers of the intake that have no memory left",
            ),
            skew_seconds: register(
                &registry,
                Gauge::new(
                    "acclaim_clock_skew_seconds",
                    "Seconds that the intake's clock is ahead of this process's clock",
                ),
            ),
            forged: counter(
                "acclaim_forged_items_total",
                "Ballots, notices and checkpoints in the intake that no process of this installation wrote",
            ),
            repairs: counter(
                "acclaim_repairs_total",
                "Contests whose rows in the database were repaired from their logs when the logs were loaded",
            ),
            scrape: Mutex::default(),
            registry,
        }
    }
}

impl Metrics {
    /// Returns the metrics that the submission queue updates.
    pub(crate) fn of_queue(&self) -> QueueMetrics {
        self.queue.clone()
    }

    /// Returns all metrics in Prometheus' text format.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// Counts a ballot by its answer.
    pub(crate) fn count_ballot(&self, answer: &str) {
        match answer {
            RECORDED => self.recorded.inc(),
            other => self.ballots.with_label_values(&[other]).inc(),
        }
    }

    pub(crate) fn count_request(&self, route: &str, status: StatusCode) {
        self.requests.with_label_values(&[route, status.as_str()]).inc();
    }
}

/// Registers a metric and returns it.
///
/// Panics if its name is invalid or used twice. All names are constants of this file.
#[expect(clippy::expect_used, reason = "a wrong or repeated name fails every test of this crate at once")]
fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("the metric's name is valid");
    registry.register(Box::new(collector.clone())).expect("the metric's name is new");
    collector
}
