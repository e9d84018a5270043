//! An address that leads to one server and then to another, as a virtual address or a DNS name does after a failover, and whose connections can
//! be cut, or carry nothing any more.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// An address on 127.0.0.1. Needs a runtime of tokio that lives as long.
pub struct Switch {
    port: u16,
    target: watch::Sender<Option<u16>>,
    freeze: watch::Sender<()>,
}

impl Switch {
    /// One that leads to a server's port.
    ///
    /// # Panics
    /// Without a free port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, targets) = watch::channel(Some(server));
        let (freeze, freezing) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, targets.clone(), freezing.clone()));
            }
        });
        Self { port, target, freeze }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads to another server from now on, or nowhere; connections to the former one are cut.
    pub fn lead_to(&self, server: Option<u16>) {
        self.target.send_replace(server);
    }

    /// Cuts all connections; new ones are let through.
    pub fn cut(&self) {
        self.target.send_modify(|_| {});
    }

    /// Has the connections that there are carry nothing from now on, without an end: a cable is pulled. New ones are let through.
    pub fn freeze(&self) {
        self.freeze.send_modify(|()| {});
    }
}

async fn carry(
    mut client: TcpStream,
    mut targets: watch::Receiver<Option<u16>>,
    mut freezing: watch::Receiver<()>,
) {
    freezing.mark_unchanged();
    let Some(server) = *targets.borrow_and_update() else { return };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let _latency = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // Or it is gone, and with it the test.
        _ = targets.changed() => {}
        _ = freezing.changed() => {
            // Both ends stay open as long as the way leads there.
            let _moved = targets.changed().await;
        }
    }
}
