//! Servers and proxies of different kinds, from the packages of Debian. With each of them, a fetch
//! from the start, one that is killed and resumed, a repair and a check of the mirror end right.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{
    Archive, Authority, Cxr, Daemon, NAMES, Nginx, Sandbox, archive, stored_archive,
};

/// A source, and the options and variables that lead to it.
#[derive(Default)]
struct Way {
    from: String,
    options: Vec<String>,
    proxy: Option<(&'static str, String)>,
}

impl Way {
    fn to(from: String) -> Self {
        Self { from, ..Self::default() }
    }

    fn through(from: String, variable: &'static str, proxy: String) -> Self {
        Self { from, proxy: Some((variable, proxy)), ..Self::default() }
    }

    fn apply(&self, cxr: Cxr) -> Cxr {
        let cxr = cxr.args(&self.options);
        match &self.proxy {
            Some((variable, proxy)) => cxr.env(variable, proxy),
            None => cxr,
        }
    }

    fn fetch(&self, sandbox: &Sandbox, all: &[Archive]) -> Cxr {
        self.apply(sandbox.fetch_from(&self.from, all))
    }
}

/// Puts an archive of images and one of noise into the folder that is served.
fn served(sandbox: &Sandbox) -> Vec<Archive> {
    let all = vec![stored_archive(NAMES[0], 6, 3), archive(2, 5)];
    for archive in &all {
        sandbox.put(format!("served/{}", archive.name), &*archive.bytes);
    }
    all
}

/// The most bytes that a fetch of a few MiB may receive: each of the 12 connections may have a batch of
/// 256 KiB under way when another one has taken over its range.
fn most_for(sizes: u64) -> u64 {
    sizes + 12 * (256 << 10)
}

/// Checks all that a source must be good for.
fn check(sandbox: &Sandbox, all: &[Archive], way: &Way) {
    let fetch = || way.fetch(sandbox, all);
    let sizes = all.iter().map(Archive::size).sum::<u64>();

    let mut running = fetch().args(["--limit-rate", "3M"]).spawn();
    running.until("a part", || {
        sandbox.files("data/.cxr").iter().any(|file| file.extension().is_some_and(|e| e == "part"))
    });
    // Until ranges are in the journal, where they are recorded after a second.
    thread::sleep(Duration::from_millis(1400));
    running.kill();
    let report = fetch().report(0);
    let reused: u64 = report.all_ok().lines().iter().map(|line| line.reused()).sum();
    assert!(reused > 500_000, "it resumes{}", report.shown());

    fs::remove_dir_all(sandbox.data()).unwrap();
    let report = fetch().report(0);
    report.all_ok();
    assert!(report.downloaded() < most_for(sizes), "hardly more than needed{}", report.shown());

    let damaged = all[1].flipped(700_000);
    sandbox.put(format!("data/{}", all[1].name), damaged);
    let report = fetch().report(0);
    report.all_ok();
    assert!(report.downloaded() < 300_000, "only what is damaged{}", report.shown());
    for archive in all {
        sandbox.assert_archive(archive);
    }

    way.apply(sandbox.verify(all).args(["--from", &way.from])).report(0).all_ok();
}

#[test]
fn apache() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let apache = Daemon::start(&sandbox, ("apache2", "apache2-bin"), |place| {
        let modules = "/usr/lib/apache2/modules";
        let (folder, served) = (place.folder.display(), place.served.display());
        let user =
            if rustix::process::geteuid().is_root() { "User nobody\nGroup nogroup\n" } else { "" };
        let configuration = format!(
            "ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{}\nPidFile {folder}/pid\n\
             ErrorLog {folder}/log\nLoadModule mpm_event_module {modules}/mod_mpm_event.so\n\
             LoadModule authz_core_module {modules}/mod_authz_core.so\n{user}\
             DocumentRoot {served}\n<Directory {served}>\nRequire all granted\n</Directory>\n",
            place.port
        );
        vec!["-f".to_owned(), place.put("conf", &configuration), "-DFOREGROUND".to_owned()]
    });
    let Some(apache) = apache else { return };
    check(&sandbox, &all, &Way::to(format!("http://{}", apache.address())));
}

#[test]
fn lighttpd() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let lighttpd = Daemon::start(&sandbox, ("lighttpd", "lighttpd"), |place| {
        let configuration = format!(
            "server.document-root = \"{}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {}\n",
            place.served.display(),
            place.port
        );
        vec!["-D".to_owned(), "-f".to_owned(), place.put("conf", &configuration)]
    });
    let Some(lighttpd) = lighttpd else { return };
    check(&sandbox, &all, &Way::to(format!("http://{}", lighttpd.address())));
}

#[test]
fn webfs() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let webfs = Daemon::start(&sandbox, ("webfsd", "webfs"), |place| {
        let (port, served) = (place.port.to_string(), place.served.display().to_string());
        ["-F", "-4", "-i", "127.0.0.1", "-p", &port, "-r", &served].map(str::to_owned).into()
    });
    let Some(webfs) = webfs else { return };
    check(&sandbox, &all, &Way::to(format!("http://{}", webfs.address())));
}

#[test]
fn busybox() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let busybox = Daemon::start(&sandbox, ("busybox", "busybox"), |place| {
        let (listen, served) =
            (format!("127.0.0.1:{}", place.port), place.served.display().to_string());
        ["httpd", "-f", "-p", &listen, "-h", &served].map(str::to_owned).into()
    });
    let Some(busybox) = busybox else { return };
    check(&sandbox, &all, &Way::to(format!("http://{}", busybox.address())));
}

/// Starts varnish before a server on this machine.
fn varnish(sandbox: &Sandbox, address: &str) -> Option<Daemon> {
    Daemon::start(sandbox, ("varnishd", "varnish"), |place| {
        let listen = format!("127.0.0.1:{}", place.port);
        let folder = place.folder.join("state").display().to_string();
        ["-F", "-j", "none", "-a", &listen, "-b", address, "-n", &folder, "-s", "malloc,64m"]
            .map(str::to_owned)
            .into()
    })
}

#[test]
fn varnish_before_nginx() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::plain(&sandbox, "") else { return };
    let varnish = varnish(&sandbox, &format!("127.0.0.1:{}", nginx.port()));
    let Some(varnish) = varnish else { return };
    check(&sandbox, &all, &Way::to(format!("http://{}", varnish.address())));
}

/// Starts nginx with limits for each client: `zone` defines one, and `limits` applies it.
fn limited_nginx(sandbox: &Sandbox, zone: &str, limits: &str) -> Option<Daemon> {
    Daemon::start(sandbox, ("nginx", "nginx-light"), |place| {
        let folder = place.folder.display();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|kind| format!("{kind}_temp_path {folder}/tmp;")).concat();
        let configuration = format!(
            "daemon off; pid {folder}/pid; error_log {folder}/log; {user} events {{}}\n\
             http {{ access_log off; {temporary} {zone};\n\
             server {{ listen 127.0.0.1:{}; root {}; location / {{ {limits} }} }} }}\n",
            place.port,
            place.served.display()
        );
        vec!["-c".to_owned(), place.put("conf", &configuration)]
    })
}

#[test]
fn nginx_that_limits_requests_or_connections() {
    let requests = "limit_req_zone $binary_remote_addr zone=r:1m rate=4r/s";
    let connections = "limit_conn_zone $binary_remote_addr zone=c:1m";
    for (zone, limits, has_cache) in [
        (requests, "limit_req zone=r;", false),
        (requests, "limit_req zone=r; limit_req_status 429;", false),
        (requests, "limit_req zone=r;", true),
        (connections, "limit_conn c 1; limit_conn_status 403; limit_rate 6m;", false),
    ] {
        let sandbox = Sandbox::new();
        let all = served(&sandbox);
        let Some(nginx) = limited_nginx(&sandbox, zone, limits) else { return };
        let cache = has_cache.then(|| varnish(&sandbox, &nginx.address()));
        let address = match &cache {
            Some(cache) => cache.as_ref().map(Daemon::address),
            None => Some(nginx.address()),
        };
        let Some(address) = address else { return };
        let fetch = sandbox.fetch_from(&format!("http://{address}"), &all);
        let report = fetch.args(["--connections", "12"]).report(0);
        report.all_ok();
        let sizes = all.iter().map(Archive::size).sum::<u64>();
        assert!(
            report.downloaded() < most_for(sizes),
            "hardly more than needed: {limits}{}",
            report.shown()
        );
        for archive in &all {
            sandbox.assert_archive(archive);
        }
    }
}

#[test]
fn haproxy_before_nginx() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::plain(&sandbox, "") else { return };
    let haproxy = Daemon::start(&sandbox, ("haproxy", "haproxy"), |place| {
        let configuration = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen all\n bind 127.0.0.1:{}\n server nginx 127.0.0.1:{}\n",
            place.port,
            nginx.port()
        );
        vec!["-db".to_owned(), "-f".to_owned(), place.put("conf", &configuration)]
    });
    let Some(haproxy) = haproxy else { return };
    check(&sandbox, &all, &Way::to(format!("http://{}", haproxy.address())));
}

/// Starts squid, which keeps what it fetches in memory.
fn squid(sandbox: &Sandbox) -> Option<Daemon> {
    Daemon::start(sandbox, ("squid", "squid"), |place| {
        let folder = place.folder.display();
        let configuration = format!(
            "http_port 127.0.0.1:{}\nhttp_access allow all\nvisible_hostname localhost\n\
             cache_mem 64 MB\nmaximum_object_size_in_memory 32 MB\npid_filename {folder}/pid\n\
             access_log none\ncache_log {folder}/log\ncache_store_log none\npinger_enable off\n\
             netdb_filename none\ncoredump_dir {folder}\nshutdown_lifetime 0 seconds\n",
            place.port
        );
        vec!["-N".to_owned(), "-f".to_owned(), place.put("conf", &configuration)]
    })
}

#[test]
fn squid_as_a_cache() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::plain(&sandbox, "") else { return };
    let Some(squid) = squid(&sandbox) else { return };
    let proxy = format!("http://{}", squid.address());
    check(&sandbox, &all, &Way::through(nginx.base(), "http_proxy", proxy));
    let through = nginx.log().len();
    assert!(through > 0, "squid asks nginx");
}

#[test]
fn squid_with_connect() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::tls(&sandbox, "") else { return };
    let Some(squid) = squid(&sandbox) else { return };
    let authority = Authority::get().certificate(&sandbox).display().to_string();
    let proxy = format!("http://{}", squid.address());
    let way = Way::through(nginx.base(), "https_proxy", proxy);
    check(&sandbox, &all, &Way { options: vec!["--cacert".to_owned(), authority], ..way });
}

#[test]
fn microsocks() {
    let sandbox = Sandbox::new();
    let all = served(&sandbox);
    let Some(nginx) = Nginx::plain(&sandbox, "") else { return };
    let socks = Daemon::start(&sandbox, ("microsocks", "microsocks"), |place| {
        ["-i", "127.0.0.1", "-p", &place.port.to_string()].map(str::to_owned).into()
    });
    let Some(socks) = socks else { return };
    let proxy = format!("socks5://{}", socks.address());
    check(&sandbox, &all, &Way::through(nginx.base(), "all_proxy", proxy));
}
