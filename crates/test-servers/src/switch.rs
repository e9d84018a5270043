//! A switchable address: it leads to one server and then to another, like after a failover.
//!
//! A virtual address or a DNS name does this. The connections can also be cut or frozen.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// An address on 127.0.0.1. It needs a tokio runtime that lives as long as the address.
pub struct Switch {
    port: u16,
    target: watch::Sender<Option<u16>>,
    freeze: watch::Sender<()>,
}

impl Switch {
    /// Starts an address that leads to the port of a server.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, targets) = watch::channel(Some(server));
        let (freeze, frozen) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, targets.clone(), frozen.clone()));
            }
        });
        Self { port, target, freeze }
    }

    /// The port of the address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads to another server from now on, or to none. Connections to the former server are cut.
    pub fn lead_to(&self, server: Option<u16>) {
        self.target.send_replace(server);
    }

    /// Cuts all connections. New connections are accepted.
    pub fn cut(&self) {
        self.target.send_modify(|_| {});
    }

    /// Freezes the present connections: they carry no data but stay open, like with a pulled cable.
    ///
    /// New connections are accepted.
    pub fn freeze(&self) {
        self.freeze.send_modify(|()| {});
    }
}

async fn carry(
    mut client: TcpStream,
    mut targets: watch::Receiver<Option<u16>>,
    mut frozen: watch::Receiver<()>,
) {
    frozen.mark_unchanged();
    let Some(server) = *targets.borrow_and_update() else { return };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let _latency = (client.set_nodelay(true), server.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // An error means that the switch is dropped and the test has ended.
        _ = targets.changed() => {}
        _ = frozen.changed() => {
            // Both ends stay open until the target changes.
            let _target_changed = targets.changed().await;
        }
    }
}
