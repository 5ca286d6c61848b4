//! What an issuer, or whoever answers in its place, cannot have us do.

use std::time::{Duration, Instant};

use partywall_identity::KeySource as _;

use super::server::{Answer, Server, mute};
use super::{Says, Scene, elsewhere, issuer, set};
use crate::key_source::connect::{Connector, System};
use crate::key_source::fetch::DEADLINE;
use crate::key_source::memory::FLOOR;

#[tokio::test]
async fn a_set_of_ten_megabytes_is_refused_before_it_is_read() {
    let server = Server::start().await;
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    let size = 10 * 1024 * 1024;
    server.answers("/keys", Answer::Text(" ".repeat(size)));
    let why = Scene::new().refused(&issuer).await;
    assert!(why.ends_with("is larger than 262144 bytes"), "{why}");
    // One that does not say how large it is.
    server.answers("/keys", Answer::Flood(size));
    let why = Scene::new().refused(&issuer).await;
    assert!(why.ends_with("is larger than 262144 bytes"), "{why}");
    assert!(server.written() < size, "all of it was taken");
}

#[tokio::test]
async fn a_set_of_many_keys_is_refused() {
    let server = Server::start().await;
    let kids: Vec<String> = (0..33).map(|number| format!("key-{number}")).collect();
    server.has_keys(&kids.iter().map(String::as_str).collect::<Vec<_>>());
    let why = Scene::new().refused(&issuer("https://a.example", Some(&server.url("/keys")))).await;
    assert!(why.ends_with("a JWK set of 1 to 32 keys is expected, this one has 33"), "{why}");
}

#[tokio::test]
async fn what_others_write_is_cut_where_we_repeat_it() {
    let server = Server::start().await;
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.answers("/keys", Answer::Text(format!(r#"{{ "keys": "{}\n" }}"#, "a".repeat(100_000))));
    let why = Scene::new().refused(&issuer).await;
    assert!(why.len() < 400 && !why.contains('\n'), "{why}");
}

#[tokio::test]
async fn a_slow_issuer_holds_nobody_past_the_deadline() {
    let server = Server::start().await;
    let rows = [
        (server.url("/stalls"), Answer::Stalls),
        (server.url("/late"), Answer::Late(Duration::from_mins(1), Box::new(Answer::Text(set(&["a"]))))),
        (format!("http://{}/mute", mute().await), Answer::Stalls),
    ];
    let server = &server;
    let rows = rows.map(|(url, answer)| async move {
        if let Some(path) = url.strip_prefix(&server.url("")) {
            server.answers(path, answer);
        }
        let begun = Instant::now();
        let why = Scene::new().refused(&issuer("https://a.example", Some(&url))).await;
        assert_eq!(why, "the keys did not come within 2 s", "{url}");
        // How late a busy machine wakes us says nothing; the answers themselves would come after a minute or never.
        assert!((DEADLINE..DEADLINE + Duration::from_secs(30)).contains(&begun.elapsed()), "{url}");
    });
    let [stalls, late, mute] = rows;
    tokio::join!(stalls, late, mute);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start().await;
    server.has_keys(&["a"]);
    server.answers("/moved", Answer::Status(307, "location: /keys\r\n"));
    let why = Scene::new().refused(&issuer("https://a.example", Some(&server.url("/moved")))).await;
    let said =
        "answered 307 and sent us on to `/keys`; redirects are not followed, write the place itself as `jwks_url`";
    assert!(why.ends_with(said), "{why}");
    assert_eq!(server.asked(), ["/moved"]);
}

#[tokio::test]
async fn what_the_document_does_not_open_is_not_asked() {
    let server = Server::start().await;
    server.has_keys(&["a"]);
    let port = server.address.port();
    let rows: [(&str, &[&str], &str); 5] = [
        ("127.0.0.1", &[], "127.0.0.1 is a loopback address"),
        ("localhost", &[], "is a loopback address"),
        ("127.0.0.1", &["10.0.0.0/8"], "127.0.0.1 is a loopback address"),
        ("[::ffff:127.0.0.1]", &["10.0.0.0/8"], "127.0.0.1 is a loopback address"),
        ("2130706433", &[], ""),
    ];
    for (host, networks, said) in rows {
        let settings = elsewhere("https://a.example", Some(&format!("http://{host}:{port}/keys")), networks);
        let why = Scene::new().refused(&settings).await;
        assert!(why.contains(said), "{host}: {why}");
    }
    assert_eq!(server.asked(), [""; 0], "nothing was sent");
}

#[tokio::test]
async fn a_name_that_changes_its_address_gains_nothing() {
    let closed = Server::start().await;
    let open = Server::start_at(([127, 0, 0, 2], closed.address.port()).into()).await;
    for server in [&closed, &open] {
        server.has_keys(&["a"]);
    }
    // The first look is at an address that the document opens, every later one at an address that it does not.
    let scene = Scene::with(Connector::new(Vec::new(), Says::these(&["127.0.0.2", "127.0.0.1"])));
    let url = format!("http://rebind.example:{}/keys", closed.address.port());
    let settings = elsewhere("https://a.example", Some(&url), &["127.0.0.2/32"]);
    assert!(scene.needs(&settings, "a").await, "what was looked at is what was asked");
    scene.pass(FLOOR);
    assert!(!scene.needs(&settings, "b").await);
    let why = scene.source.problem(&settings).expect("it was refused");
    assert!(why.contains("127.0.0.1 is a loopback address"), "{why}");
    assert_eq!((open.asked().len(), closed.asked().len()), (1, 0), "nothing was sent where it must not be");
}

#[tokio::test]
async fn our_own_listeners_are_never_asked() {
    let server = Server::start().await;
    server.has_keys(&["a"]);
    let port = server.address.port();
    let settings = issuer("https://a.example", Some(&server.url("/keys")));
    let everywhere = std::net::SocketAddr::from(([0, 0, 0, 0], port));
    for own in [server.address, everywhere] {
        let why = Scene::with(Connector::new(vec![own], Box::new(System))).refused(&settings).await;
        assert!(why.contains("is a listener of this gateway"), "{why}");
    }
    let mapped = Scene::with(Connector::new(vec![server.address], Says::these(&["::ffff:127.0.0.1"])));
    assert!(mapped.refused(&settings).await.contains("is a listener of this gateway"));
    assert_eq!(server.asked(), [""; 0], "nothing was sent");
}

#[tokio::test]
async fn a_listener_of_ours_is_not_even_connected_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    listener.set_nonblocking(true).expect("it can be");
    let own = listener.local_addr().expect("it is bound");
    let settings = issuer("https://a.example", Some(&format!("http://{own}/keys")));
    let why = Scene::with(Connector::new(vec![own], Box::new(System))).refused(&settings).await;
    assert!(why.contains("is a listener of this gateway"), "{why}");
    assert!(listener.accept().is_err(), "somebody connected");
}
