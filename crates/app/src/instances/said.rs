//! What instances said lately, kept for whoever asks why one does not work. The log has all of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use partywall_control::wire::InstanceLine;
use partywall_domain::{ServerName, TenantId};

/// Lines kept for each tenant and server. Default 100: a stack trace, or what led to it.
const LINES_MAX: usize = 100;
/// Bytes kept of a line. Default 1 KiB.
const LINE_BYTES_MAX: usize = 1 << 10;
/// Tenants and servers that lines are kept for. Default 500: with all of it full, 50 MiB. Beyond it, the one that has
/// said nothing for the longest is let go.
const SPEAKERS_MAX: usize = 500;

/// Whose instance, and of which server.
type Speaker = (Option<TenantId>, ServerName);

/// The lines.
#[derive(Default)]
pub(super) struct Said(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: HashMap<Speaker, (u64, VecDeque<InstanceLine>)>,
    /// Counts what was said, so that who was silent for the longest can be told.
    said: u64,
}

impl Said {
    pub(super) fn push(&self, speaker: Speaker, instance: &str, text: &str) {
        let mut end = text.len().min(LINE_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let at = format!("{:.3}", jiff::Timestamp::now());
        let line = InstanceLine { at, instance: instance.to_owned(), text: text[..end].to_owned() };
        self.kept().push(speaker, line);
    }

    pub(super) fn of(&self, speaker: &Speaker) -> Vec<InstanceLine> {
        self.kept().lines.get(speaker).map(|(_, lines)| lines.iter().cloned().collect()).unwrap_or_default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, speaker: Speaker, line: InstanceLine) {
        self.said += 1;
        if !self.lines.contains_key(&speaker) && self.lines.len() >= SPEAKERS_MAX {
            let silent = self.lines.iter().min_by_key(|(_, (last, _))| *last).map(|(speaker, _)| speaker.clone());
            silent.and_then(|speaker| self.lines.remove(&speaker));
        }
        let (last, lines) = self.lines.entry(speaker).or_default();
        *last = self.said;
        if lines.len() >= LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(server: &str) -> Speaker {
        (None, server.parse().unwrap())
    }

    #[test]
    fn the_last_of_what_each_said_is_kept_and_nothing_grows() {
        let said = Said::default();
        for number in 0..(SPEAKERS_MAX + 10) {
            said.push(speaker(&format!("s{number}")), "i", "hello");
            // One that goes on speaking is not let go.
            said.push(speaker("chatty"), "i", &format!("{number}{}", "ä".repeat(LINE_BYTES_MAX)));
        }
        assert_eq!(said.kept().lines.len(), SPEAKERS_MAX);
        assert!(said.of(&speaker("s1")).is_empty() && !said.of(&speaker("s500")).is_empty());
        let chatty = said.of(&speaker("chatty"));
        assert_eq!(chatty.len(), LINES_MAX);
        assert!(chatty.last().unwrap().text.starts_with(&format!("{}ä", SPEAKERS_MAX + 9)));
        assert!(chatty.iter().all(|line| line.text.len() <= LINE_BYTES_MAX));
    }
}
