//! Fetching, against a key set on loopback that counts how often it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const ONE: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"one",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

struct Served {
    body: std::sync::Mutex<String>,
    asked: AtomicUsize,
}

/// A key set that answers after 20 ms, so that questions overlap.
async fn serve(body: &str) -> (Arc<Served>, Uri) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/jwks.json", listener.local_addr().unwrap()).parse().unwrap();
    let served = Arc::new(Served { body: std::sync::Mutex::new(body.to_owned()), asked: AtomicUsize::new(0) });
    let answering = served.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            answering.asked.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let body = answering.body.lock().unwrap().clone();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    (served, uri)
}

fn remembered(uri: Uri, floor_ms: u64, age_ms: u64) -> Arc<Remembered> {
    let pace = Pace { floor: Duration::from_millis(floor_ms), age: Duration::from_millis(age_ms) };
    Arc::new(Remembered::new(uri, pace))
}

#[tokio::test]
async fn many_callers_share_one_fetch_and_a_flood_of_unknown_ids_is_one_more_at_most() {
    let (served, uri) = serve(ONE).await;
    let keys = remembered(uri, 60_000, 60_000);
    let askers: Vec<_> = (0..50)
        .map(|_| {
            tokio::spawn({
                let keys = keys.clone();
                async move { keys.find("one").await }
            })
        })
        .collect();
    for asker in askers {
        assert!(asker.await.unwrap().is_some());
    }
    for n in 0..50 {
        assert!(keys.find(&format!("made-up-{n}")).await.is_none());
    }
    assert_eq!(served.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_fetch() {
    let (served, uri) = serve(ONE).await;
    let keys = remembered(uri, 60_000, 60_000);
    let impatient = tokio::time::timeout(Duration::from_millis(1), keys.find("one")).await;
    assert!(impatient.is_err());
    assert!(keys.find("one").await.is_some());
    assert_eq!(served.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_old_set_is_fetched_again_so_that_a_withdrawn_key_goes() {
    let (served, uri) = serve(ONE).await;
    let keys = remembered(uri, 0, 0);
    assert!(keys.find("one").await.is_some());
    *served.body.lock().unwrap() = r#"{"keys":[]}"#.to_owned();
    assert!(keys.find("one").await.is_some(), "the old set serves while the new one is fetched");
    assert!(keys.find("two").await.is_none());
    assert!(keys.find("one").await.is_none());
}

#[tokio::test]
async fn bad_answers_leave_the_last_good_keys() {
    let (served, uri) = serve(ONE).await;
    let keys = remembered(uri, 0, 60_000);
    assert!(keys.find("one").await.is_some());
    let doubled = ONE.replace("[{", "[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"one\",\"x\":\"AA\",\"y\":\"AA\"},{");
    let huge = format!("{{\"keys\":[],\"padding\":\"{}\"}}", "x".repeat(70 << 10));
    let many = format!("{{\"keys\":[{}]}}", vec![r#"{"kty":"oct","k":"AA"}"#; 17].join(","));
    for bad in ["", "not json", "[]", &doubled, &huge, &many] {
        *served.body.lock().unwrap() = bad.to_owned();
        let before = served.asked.load(Ordering::SeqCst);
        assert!(keys.find("two").await.is_none());
        assert_eq!(served.asked.load(Ordering::SeqCst), before + 1);
        assert!(keys.find("one").await.is_some(), "after {bad:.60}");
    }
}

#[tokio::test]
async fn a_gateway_that_is_away_or_silent_is_no_key_and_no_hang() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let silent = remembered(uri.clone(), 60_000, 60_000);
    let began = std::time::Instant::now();
    assert!(silent.find("one").await.is_none());
    assert!(began.elapsed() < Duration::from_secs(30));
    drop(listener);
    assert!(remembered(uri, 0, 0).find("one").await.is_none());
}

#[test]
fn keys_come_from_loopback_alone() {
    for good in ["http://127.0.0.1:7400/x", "http://localhost/x", "http://[::1]:7400/x", "http://127.9.9.9/"] {
        assert!(Keys::fetched(good).is_ok(), "{good}");
    }
    for bad in [
        "https://127.0.0.1/x",
        "127.0.0.1:7400",
        "http://gateway/",
        "http://127.0.0.1.example/",
        "http://10.0.0.1/",
        "",
    ] {
        assert!(Keys::fetched(bad).is_err(), "{bad}");
    }
}

#[test]
fn only_es256_signing_keys_count() {
    let set = |from: &str, to: &str| KeySet::parse(ONE.replace(from, to).as_bytes());
    assert!(set("", "").unwrap().find("one").is_some());
    assert!(set("\"kid\":\"one\"", "\"kid\":\"one\",\"use\":\"sig\",\"alg\":\"ES256\"").unwrap().find("one").is_some());
    for (from, to) in [
        ("P-256", "P-384"),
        ("\"kid\":\"one\"", "\"kid\":\"one\",\"use\":\"enc\""),
        ("\"kid\":\"one\"", "\"kid\":\"one\",\"alg\":\"HS256\""),
        ("\"kid\":\"one\",", ""),
    ] {
        assert!(set(from, to).is_ok_and(|set| set.find("one").is_none()), "{to}");
    }
}
