//! A port that never answers, as at a host whose IPv6 is broken.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;

use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{AddressFamily, SocketType, bind, connect, listen, socket};

/// A port of `::1` that never completes a connection, since its queue is full.
pub struct UnansweredPort {
    /// The listener, and the connections in its queue.
    _sockets: Vec<OwnedFd>,
}

impl UnansweredPort {
    /// Opens the port. Returns `None`, and says so, if there is no IPv6.
    pub fn at(port: u16) -> Option<Self> {
        let address = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0));
        let socket = || {
            let socket = socket(AddressFamily::INET6, SocketType::STREAM, None)?;
            fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
            ioctl_fionbio(&socket, true)?;
            rustix::io::Result::Ok(socket)
        };
        let listener = socket().ok()?;
        if bind(&listener, &address).and_then(|()| listen(&listener, 0)).is_err() {
            eprintln!("skipped: there is no IPv6 here");
            return None;
        }
        let mut sockets = vec![listener];
        for _ in 0..8 {
            let waiting = socket().unwrap();
            // The sockets are non-blocking: none waits to be connected.
            let _ = connect(&waiting, &address);
            sockets.push(waiting);
        }
        Some(Self { _sockets: sockets })
    }
}
