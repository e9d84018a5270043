//! A connection between the database and its server that can be cut at a certain word.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What happens when a client sends the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not arrive, and the connection is cut.
    Lost,
    /// It arrives and is answered, the answer does not arrive, and the connection is cut.
    AnswerLost,
    /// It does not arrive, and nothing else happens any more.
    Silence,
}

/// Listens on a port of its own.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    /// Leads to `server`. Once armed, `fault` happens at the next `word`, and no more until armed again.
    pub(crate) async fn start(server: u16, word: &'static str, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let armed = Arc::new(AtomicBool::new(false));
        let trigger = Arc::clone(&armed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let trigger = Arc::clone(&trigger);
                tokio::spawn(async move {
                    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    carry(client, server, &trigger, word, fault).await;
                });
            }
        });
        Self { port, armed }
    }

    /// From now on the fault may happen, once.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Whether the fault has happened since.
    pub(crate) fn has_happened(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways. A client sends its next message after the server's answer, so that a word is never cut in two.
async fn carry(mut client: TcpStream, mut server: TcpStream, armed: &AtomicBool, word: &str, fault: Fault) {
    let (mut sent, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(count @ 1..) = read else { return };
                let bytes = &sent[..count];
                let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
                if found && armed.swap(false, Ordering::SeqCst) {
                    match fault {
                        Fault::Lost => {}
                        Fault::AnswerLost => {
                            server.write_all(bytes).await.unwrap();
                            assert!(server.read(&mut answered).await.unwrap() > 0);
                        }
                        Fault::Silence => std::future::pending().await,
                    }
                    return;
                }
                if server.write_all(bytes).await.is_err() { return }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&answered[..count]).await.is_err() { return }
            }
        }
    }
}
