//! A proxy for CONNECT (RFC 9110, section 9.3.6) and SOCKS 5 (RFC 1928).

use std::io::{BufReader, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::server::Request;

/// A running proxy. Its threads end with the process.
pub struct Proxy {
    address: SocketAddr,
    tunnels: Arc<Mutex<Vec<Tunnel>>>,
}

/// A tunnel that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// `HOST:PORT`.
    pub to: String,
    /// The header `Proxy-Authorization`.
    pub authorization: Option<String>,
}

impl Proxy {
    /// Opens every tunnel to this port of the loopback, whatever its target. With `credentials`,
    /// clients need this `Proxy-Authorization`.
    pub fn to(port: u16, credentials: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let tunnels = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&tunnels);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                thread::spawn(move || {
                    let _ = serve(&client, port, credentials, &log);
                });
            }
        });
        Self { address, tunnels }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All tunnels that clients asked for.
    pub fn tunnels(&self) -> Vec<Tunnel> {
        self.tunnels.lock().unwrap().clone()
    }
}

fn serve(
    mut client: &TcpStream,
    port: u16,
    credentials: Option<&str>,
    log: &Mutex<Vec<Tunnel>>,
) -> Result<()> {
    let mut first = [0];
    client.peek(&mut first)?;
    let tunnel = if first == [5] { socks(client)? } else { http(client)? };
    let is_allowed = credentials.is_none() || tunnel.authorization.as_deref() == credentials;
    log.lock().unwrap().push(tunnel);
    if !is_allowed {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal.as_bytes());
    }
    let success: &[u8] =
        if first == [5] { &[5, 0, 0, 1, 127, 0, 0, 1, 0, 0] } else { b"HTTP/1.1 200 OK\r\n\r\n" };
    client.write_all(success)?;
    copy_both_ways(client, &TcpStream::connect(("127.0.0.1", port))?)
}

fn http(client: &TcpStream) -> Result<Tunnel> {
    // One byte at a time: what follows the head belongs to the tunnel.
    let request = Request::read(&mut BufReader::with_capacity(1, client));
    let request = request.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let authorization = request.header("proxy-authorization").map(str::to_owned);
    Ok(Tunnel { to: request.path, authorization })
}

fn socks(mut client: &TcpStream) -> Result<Tunnel> {
    let methods = read(client, 2)?[1];
    read(client, methods.into())?;
    client.write_all(&[5, 0])?;
    let host = if read(client, 4)?[3] == 1 {
        read(client, 4)?.iter().map(u8::to_string).collect::<Vec<_>>().join(".")
    } else {
        let length = read(client, 1)?[0];
        String::from_utf8_lossy(&read(client, length.into())?).into_owned()
    };
    let port = read(client, 2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    Ok(Tunnel { to: format!("{host}:{port}"), authorization: None })
}

fn read(mut client: &TcpStream, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    client.read_exact(&mut bytes).map(|()| bytes)
}

/// Copies bytes both ways until both sides close.
fn copy_both_ways(client: &TcpStream, server: &TcpStream) -> Result<()> {
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut &*client, &mut &*server);
            server.shutdown(Shutdown::Write)
        });
        let _ = std::io::copy(&mut &*server, &mut &*client);
        client.shutdown(Shutdown::Write)
    })
}
