//! A proxy between the database and its server. It can cut a connection when it sees a certain
//! word.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The fault that happens when a client sends the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The word does not arrive, and the connection is cut.
    Lost,
    /// The word arrives, and the server answers. The answer does not arrive, and the connection is
    /// cut.
    AnswerLost,
    /// The word does not arrive, and the connection stays silent.
    Silence,
}

/// A proxy on its own port.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts a proxy to `server`. When it is armed, `fault` happens once, at the next `word`.
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

    /// Arms the fault: it happens once.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Whether the fault has happened since it was armed.
    pub(crate) fn has_happened(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways. A client sends a message only after the answer to the previous one, so
/// a word is never cut in two.
async fn carry(mut client: TcpStream, mut server: TcpStream, armed: &AtomicBool, word: &str, fault: Fault) {
    let (mut sent, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(count @ 1..) = read else { return };
                let bytes = &sent[..count];
                let has_word = bytes.windows(word.len()).any(|window| window == word.as_bytes());
                if has_word && armed.swap(false, Ordering::SeqCst) {
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
