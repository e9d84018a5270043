//! The two kinds of a site under test: on a data directory, or on the servers of a cluster.

pub(crate) use crate::{
    cluster_servers::{Servers, empty_database},
    server::succeeded,
};

/// Runs each test function on a running [`Site`](crate::site::Site), embedded and in a cluster.
macro_rules! on_both_backends {
    ($($body:ident),+ $(,)?) => {
        mod embedded {
            $(#[test]
            fn $body() {
                super::$body(&crate::site::Site::start());
            })+
        }
        mod clustered {
            $(#[test]
            fn $body() {
                super::$body(&crate::site::Site::start_clustered());
            })+
        }
    };
}
pub(crate) use on_both_backends;
