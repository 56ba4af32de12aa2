//! The addresses to which no redirect may lead: those of the machine's own link, at which clouds
//! have the services that hand out the credentials of a machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// The metadata services of two clouds that are not at a link-local address.
const METADATA: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Returns true for an address that stands for one of 169.254.0.0/16 or `fe80::/10`, in any of the
/// forms that a machine may connect to.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || METADATA.contains(&address)
                || embedded(address).is_some_and(|inner| inner.is_link_local())
        }
    }
}

/// Returns the IPv4 address inside of an IPv6 address: mapped or compatible (RFC 4291), translated
/// (RFC 6052), or that of a 6to4 network (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(last(high, low)),
        _ => None,
    }
}

/// Returns true if the host of an address is such an IP address, however it is written.
pub(super) fn has_link_local_host(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().is_ok_and(is_link_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_link_local_address_is_recognized() {
        for host in [
            "169.254.169.254",
            "169.254.1",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "[fe80::1]",
            "[febf:ffff::1]",
            "[::ffff:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[2002:a9fe:a9fe::1]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
        ] {
            let address = Url::parse(&format!("http://{host}:8080/x")).unwrap();
            assert!(has_link_local_host(&address), "{address}");
        }
        for host in ["10.0.0.1", "169.253.1.1", "[fec0::1]", "[fd00::1]", "[::1]", "example.org"] {
            let address = Url::parse(&format!("http://{host}/x")).unwrap();
            assert!(!has_link_local_host(&address), "{address}");
        }
    }
}
