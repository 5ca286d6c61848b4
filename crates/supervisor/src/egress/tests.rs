//! The proxy on a loopback of the test's own.

use std::sync::Mutex;

use super::*;

/// A host that says hello, a proxy with these rules, and what the proxy refused.
async fn asked(rules: Vec<Egress>, target: &str) -> (String, Vec<Closed>) {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let refused = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&refused);
    let serving = tokio::spawn(serve(proxy, rules.into(), move |closed| kept.lock().unwrap().push(closed.clone())));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(format!("CONNECT {target} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_mins(1), client.read_to_string(&mut answer)).await.unwrap().unwrap();
    serving.abort();
    let refused = refused.lock().unwrap().clone();
    (answer, refused)
}

async fn host() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"hello from the host").await.unwrap();
        }
    });
    port
}

fn rule(host: &str, port: u16, private: bool) -> Egress {
    Egress { host: host.to_owned(), port, private }
}

#[tokio::test]
async fn what_is_named_is_reached_and_nothing_else() {
    let port = host().await;
    let other = port.wrapping_add(1).max(1);
    // The rules, the target, and the beginning of the answer's status line.
    let rows = [
        (vec![rule("127.0.0.1", port, false)], format!("127.0.0.1:{port}"), "HTTP/1.1 200"),
        (vec![rule("LOCALHOST", port, true)], format!("localhost:{port}"), "HTTP/1.1 200"),
        (vec![rule("localhost", port, false)], format!("localhost:{port}"), "HTTP/1.1 403"),
        (vec![rule("localhost", other, true)], format!("localhost:{port}"), "HTTP/1.1 403"),
        (vec![rule("example.com", port, true)], format!("127.0.0.1:{port}"), "HTTP/1.1 403"),
        (vec![], format!("localhost:{port}"), "HTTP/1.1 403"),
    ];
    for (rules, target, status) in rows {
        let (answer, refused) = asked(rules.clone(), &target).await;
        assert!(answer.starts_with(status), "{rules:?} {target}: {answer}");
        assert_eq!(answer.ends_with("hello from the host"), status.ends_with("200"), "{answer}");
        assert_eq!(refused.is_empty(), status.ends_with("200"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_name_that_leads_into_a_private_network_is_told_by_both() {
    let port = host().await;
    let (answer, refused) = asked(vec![rule("localhost", port, false)], &format!("localhost:{port}")).await;
    assert!(answer.contains("which is not public; set `private = true`"), "{answer}");
    assert!(matches!(&refused[..], [Closed::Private(name, _)] if name == "localhost"), "{refused:?}");
}
