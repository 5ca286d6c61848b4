//! The life of one instance, from its place to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::cell::Cell;
use super::{Connect, InstanceInfo, now};
use crate::driver::{Control, NotStarted, Order, Owner, Running};
use crate::launch::Launch;
use crate::output;
use crate::slot::{Event, Generation};

/// For an instance that does not answer to end by itself. 500 ms: an interpreter that failed takes a while to go.
const OWN_END: Duration = Duration::from_millis(500);

pub(super) async fn run<C: Connect>(
    cell: Arc<Cell<C>>,
    generation: Generation,
    info: InstanceInfo,
    launch: Arc<Launch>,
    cancelled: Arc<Notify>,
) {
    let wanted = now();
    let place = tokio::select! {
        place = cell.house.places.take(|| cell.house.make_place()) => place,
        () = cancelled.notified() => None,
    };
    if place.is_none() || !cell.is_starting(generation) {
        return cell.gone(generation, None, Event::Died(generation));
    }
    cell.apply(Event::Launching(generation));
    let order = Order { id: info.id.clone(), owner: owner(&info), launch: (*launch).clone() };
    match cell.house.driver.start(order).await {
        Ok(running) => live(&cell, generation, &info, running, wanted).await,
        Err(error) => {
            let event = match error {
                NotStarted::Host(_) => Event::Failed(generation),
                NotStarted::BelowFloor(_) | NotStarted::Refused(_) => Event::Refused(generation),
            };
            cell.gone(generation, Some(error.to_string()), event);
            cell.apply(Event::Died(generation));
        }
    }
    // Its place is free only now that nothing of it is left.
    drop(place);
}

fn owner(info: &InstanceInfo) -> Owner {
    let server = info.key.server().to_string();
    // A tenant's id has no `/`, so no server's common uid is a tenant's.
    let whose = info.key.tenant().map_or_else(|| format!("all/{server}"), |tenant| tenant.to_string());
    Owner { whose, server, whole_tenant: info.key.is_whole_tenant() }
}

async fn live<C: Connect>(
    cell: &Arc<Cell<C>>,
    generation: Generation,
    info: &InstanceInfo,
    running: Running,
    wanted: Instant,
) {
    let began = now();
    let control: Arc<dyn Control> = Arc::from(running.control);
    cell.with(generation, |instance| instance.control = Some(Arc::clone(&control)));
    if !cell.is_starting(generation) {
        control.kill();
    }
    tokio::spawn(hear(Arc::clone(cell), info.clone(), running.notices));
    let said = tokio::spawn(listen(Arc::clone(cell), generation, info.clone(), running.stderr));
    let connected = tokio::select! {
        connected = cell.house.connect.connect(info, running.io) => connected,
        // One that is not waited for any more was ended by us.
        _ = control.ended() => {
            let wanted = cell.is_starting(generation);
            let why = if wanted { "it ended before it answered" } else { "it did not answer within `start_timeout_s`" };
            Err(why.to_owned())
        }
    };
    let failed = match connected {
        Ok(connection) => {
            cell.with(generation, |instance| instance.connection = Some(connection));
            cell.house.watch.ready(info, now().saturating_duration_since(wanted));
            cell.apply(Event::Ready(generation));
            None
        }
        Err(why) => {
            // One that closed its streams is about to end, and its own end says more than ours.
            let _ = tokio::time::timeout(OWN_END, control.ended()).await;
            control.kill();
            Some(why)
        }
    };
    let end = control.ended().await;
    // The server's last words come before its end is told.
    let _ = said.await;
    let words = cell.with(generation, |instance| instance.last.lines()).unwrap_or_default();
    cell.house.watch.ended(info, &end, now().saturating_duration_since(began));
    let said = words.last().map(|line| format!("; it said last: {line}")).unwrap_or_default();
    let trouble = format!("{}{}{said}", failed.as_ref().map(|why| format!("{why}: ")).unwrap_or_default(), end);
    let event = if failed.is_some() { Event::Failed(generation) } else { Event::Died(generation) };
    cell.gone(generation, Some(trouble), event);
    cell.apply(Event::Died(generation));
}

/// Hands on what the tier says of the instance, in the same place as what the instance says itself.
async fn hear<C: Connect>(cell: Arc<Cell<C>>, info: InstanceInfo, mut notices: tokio::sync::mpsc::Receiver<String>) {
    while let Some(text) = notices.recv().await {
        cell.house.watch.said(&info, output::Line { text, cut: false, lost: 0 });
    }
}

/// Hands on what the server says, and keeps the last of it.
async fn listen<C: Connect>(
    cell: Arc<Cell<C>>,
    generation: Generation,
    info: InstanceInfo,
    stderr: impl tokio::io::AsyncRead + Unpin,
) {
    let each = |line: output::Line| {
        cell.with(generation, |instance| instance.last.push(&line.text));
        cell.house.watch.said(&info, line);
    };
    output::read(stderr, each).await;
}
