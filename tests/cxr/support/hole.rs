//! An address at which nothing answers, as of a host whose IPv6 is broken.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};

/// A port of `::1` that takes connections and never answers: its queue is full.
pub struct Hole {
    /// The listener, and those that wait in its queue.
    _sockets: Vec<OwnedFd>,
}

impl Hole {
    /// `None`, with a word, where there is no IPv6.
    pub fn at(port: u16) -> Option<Self> {
        let address = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0));
        let socket = || {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            socket_with(AddressFamily::INET6, SocketType::STREAM, flags, None)
        };
        let listener = socket().ok()?;
        if bind(&listener, &address).and_then(|()| listen(&listener, 0)).is_err() {
            eprintln!("skipped: there is no IPv6 here");
            return None;
        }
        let mut sockets = vec![listener];
        for _ in 0..8 {
            let waiting = socket().unwrap();
            // None of them waits for the end of it.
            let _ = connect(&waiting, &address);
            sockets.push(waiting);
        }
        Some(Self { _sockets: sockets })
    }
}
