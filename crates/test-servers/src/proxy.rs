//! A way to a server that can be cut, or made to lead to another one.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Listens on a port of 127.0.0.1 as long as it lives.
pub struct Proxy {
    port: u16,
    target: Arc<AtomicU16>,
    /// Changes when all connections are to be cut.
    cuts: watch::Sender<u64>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Leads to a port of 127.0.0.1.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(target));
        let cuts = watch::Sender::new(0);
        let (leads_to, cut) = (Arc::clone(&target), cuts.subscribe());
        let listening = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (leads_to, mut cut) = (Arc::clone(&leads_to), cut.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let target = leads_to.load(Ordering::SeqCst);
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
                    tokio::select! {
                        _ended = copy_bidirectional(&mut client, &mut server) => {}
                        _cut = cut.changed() => {}
                    }
                });
            }
        });
        Self { port, target, cuts, listening }
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections; new ones are let through.
    pub fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }

    /// Leads elsewhere from now on, and cuts all connections.
    pub fn lead_to(&self, target: u16) {
        self.target.store(target, Ordering::SeqCst);
        self.cut();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}
