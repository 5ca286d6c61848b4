//! Files of tenants: who gets which, and how many at a time.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use partywall_kit::TenantId;
use partywall_kit::sqlite::{Databases, DatabasesLimits, Error, TenantDb};

use crate::support::{ACME, GLOBEX, NOBODY, Signer};

const MIGRATIONS: &[&str] = &["CREATE TABLE note (text TEXT NOT NULL)", "CREATE INDEX by_text ON note (text)"];

fn open(dir: &Path, limits: DatabasesLimits) -> Databases {
    Databases::open(&dir.join("data"), MIGRATIONS, limits).unwrap()
}

async fn add(db: &TenantDb, text: &'static str) {
    db.run(move |sql| sql.execute("INSERT INTO note VALUES (?1)", [text])).await.unwrap();
}

async fn all(db: &TenantDb) -> Vec<String> {
    db.run(|sql| sql.prepare("SELECT text FROM note ORDER BY rowid")?.query_map([], |row| row.get(0))?.collect())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_query_without_a_where_sees_one_tenant() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let databases = open(dir.path(), DatabasesLimits::default());
    let acme = databases.of(&signer.caller(ACME).await).unwrap();
    let globex = databases.of(&signer.caller(GLOBEX).await).unwrap();
    add(&acme, "of acme").await;
    add(&globex, "of globex").await;
    assert_eq!(all(&acme).await, ["of acme"]);
    assert_eq!(all(&globex).await, ["of globex"]);
    // The same after a restart: migrations have run, and run once.
    drop((acme, globex, databases));
    let again = open(dir.path(), DatabasesLimits::default());
    assert_eq!(all(&again.of(&signer.caller(ACME).await).unwrap()).await, ["of acme"]);
}

#[tokio::test]
async fn the_probe_leaves_no_file() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let databases = open(dir.path(), DatabasesLimits::default());
    assert!(matches!(databases.of(&signer.caller(NOBODY).await), Err(Error::Nobody)));
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0);
}

#[tokio::test]
async fn files_are_for_this_user_alone() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let databases = open(dir.path(), DatabasesLimits::default());
    add(&databases.of(&signer.caller(ACME).await).unwrap(), "x").await;
    let data = dir.path().join("data");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let mut names = Vec::new();
    for entry in data.read_dir().unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["", "-shm", "-wal"].map(|end| format!("{ACME}.sqlite{end}")));

    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o750)).unwrap();
    let refused = Databases::open(&data, MIGRATIONS, DatabasesLimits::default()).err().unwrap();
    assert!(matches!(refused, Error::Shared(_)), "{refused}");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    std::fs::set_permissions(&empty, PermissionsExt::from_mode(0o755)).unwrap();
    Databases::open(&empty, MIGRATIONS, DatabasesLimits::default()).unwrap();
    assert_eq!(mode(&empty), 0o700);
}

#[tokio::test]
async fn no_sql_reaches_another_file() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let databases = open(dir.path(), DatabasesLimits::default());
    add(&databases.of(&signer.caller(GLOBEX).await).unwrap(), "of globex").await;
    let acme = databases.of(&signer.caller(ACME).await).unwrap();
    let file = dir.path().join("data").join(format!("{GLOBEX}.sqlite"));
    let copy = dir.path().join("copy");
    for sql in [
        format!("ATTACH '{}' AS other; SELECT * FROM other.note", file.display()),
        format!("VACUUM INTO '{}'", copy.display()),
    ] {
        let refused = acme.run(move |connection| connection.execute_batch(&sql)).await;
        assert!(refused.unwrap_err().to_string().contains("attached"));
    }
    assert!(!copy.exists());
}

#[tokio::test]
async fn a_link_in_place_of_a_file_is_not_followed() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let databases = open(dir.path(), DatabasesLimits::default());
    add(&databases.of(&signer.caller(GLOBEX).await).unwrap(), "of globex").await;
    let data = dir.path().join("data");
    std::os::unix::fs::symlink(data.join(format!("{GLOBEX}.sqlite")), data.join(format!("{ACME}.sqlite"))).unwrap();
    let acme = databases.of(&signer.caller(ACME).await).unwrap();
    assert!(acme.run(|sql| sql.execute_batch("SELECT 1")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn open_files_are_bounded_whoever_comes() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Arc::new(Signer::new()));
    let limits = DatabasesLimits { open_max: 3, busy_max: 3, ..DatabasesLimits::default() };
    let databases = open(dir.path(), limits);
    let tenants: Vec<String> = (0..12).map(|_| TenantId::random().to_string()).collect();
    let mut tasks = Vec::new();
    for n in 0..120 {
        let db = databases.of(&signer.caller(&tenants[n % 12]).await).unwrap();
        let databases = databases.clone();
        tasks.push(tokio::spawn(async move {
            add(&db, "x").await;
            assert!(databases.open_now() <= 3);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for tenant in &tenants {
        assert_eq!(all(&databases.of(&signer.caller(tenant).await).unwrap()).await.len(), 10);
    }
    assert_eq!(databases.open_now(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_tenant_waits_for_itself() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let limits = DatabasesLimits { waiting_max: 4, ..DatabasesLimits::default() };
    let databases = open(dir.path(), limits);
    let acme = databases.of(&signer.caller(ACME).await).unwrap();
    let globex = databases.of(&signer.caller(GLOBEX).await).unwrap();
    let (gate, waiting) = std::sync::mpsc::channel::<()>();
    let at_once = Arc::new(AtomicUsize::new(0));
    let mut slow = Vec::new();
    let waiting = Arc::new(std::sync::Mutex::new(waiting));
    for _ in 0..4 {
        let (acme, waiting, at_once) = (acme.clone(), waiting.clone(), at_once.clone());
        slow.push(tokio::spawn(async move {
            let work = move |_: &mut _| {
                at_once.fetch_add(1, Ordering::SeqCst);
                let _ = waiting.lock().unwrap().recv();
                at_once.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            };
            acme.run(work).await
        }));
    }
    while at_once.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert_eq!(at_once.load(Ordering::SeqCst), 1, "one thread for one tenant");
    assert!(matches!(acme.run(|_| Ok(())).await, Err(Error::Busy)));
    add(&globex, "not held up").await;
    drop(gate);
    for task in slow {
        task.await.unwrap().unwrap();
    }
    add(&acme, "after the queue").await;
}

#[tokio::test]
async fn a_connection_left_unclean_is_not_used_again() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let databases = open(dir.path(), DatabasesLimits::default());
    let acme = databases.of(&signer.caller(ACME).await).unwrap();
    acme.run(|sql| sql.execute_batch("BEGIN; INSERT INTO note VALUES ('half')")).await.unwrap();
    assert_eq!(databases.open_now(), 0);
    assert_eq!(all(&acme).await, Vec::<String>::new());
    let panicking = acme.clone();
    let panicked = tokio::spawn(async move { panicking.run(|_| -> Result<(), _> { panic!("in the work") }).await });
    assert!(panicked.await.unwrap_err().is_panic());
    assert_eq!(databases.open_now(), 0);
    add(&acme, "whole").await;
    assert_eq!(all(&acme).await, ["whole"]);
}

#[tokio::test]
async fn a_file_is_bounded_and_a_newer_one_refused() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let databases = open(dir.path(), DatabasesLimits { file_bytes_max: 64 << 10, ..DatabasesLimits::default() });
    let acme = databases.of(&signer.caller(ACME).await).unwrap();
    let full = acme.run(|sql| sql.execute("INSERT INTO note VALUES (zeroblob(100000))", [])).await;
    assert!(full.unwrap_err().to_string().contains("full"));
    add(&acme, "small").await;
    acme.run(|sql| sql.execute_batch("PRAGMA user_version = 3; BEGIN")).await.unwrap();
    drop((acme, databases));
    let older = open(dir.path(), DatabasesLimits::default());
    let refused = older.of(&signer.caller(ACME).await).unwrap().run(|_| Ok(())).await;
    assert!(matches!(refused, Err(Error::Newer { found: 3, known: 2 })));
}
