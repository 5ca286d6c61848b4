//! A filter that judges a system call by its number alone, and finds the number by halving.
//!
//! When the kernel takes a filter it walks it once for every number there is. A chain of comparisons, one behind the
//! other, made that a millisecond of each start.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, sock_filter};

/// `BPF_LD | BPF_W | BPF_ABS`. At 0 is the number (`struct seccomp_data`, seccomp(2)).
const LOAD: u16 = 0x20;
/// `BPF_JMP | BPF_JGE | BPF_K`.
const IS_FROM: u16 = 0x35;
/// `BPF_JMP | BPF_JA`.
const JUMP: u16 = 0x05;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

/// What the kernel is to return for these numbers, and for all others. It does not look at the architecture.
pub(super) fn program(verdicts: &BTreeMap<u32, u32>, others: u32) -> BpfProgram {
    [vec![statement(LOAD, 0)], tree(&ranges(verdicts, others))].concat()
}

/// Where each range begins, up to the next, and what is returned for it.
fn ranges(verdicts: &BTreeMap<u32, u32>, others: u32) -> Vec<(u32, u32)> {
    let mut ranges = vec![(0, others)];
    for (number, verdict) in verdicts {
        // What was said behind the last number holds from there on, and is overruled where this one is the next.
        ranges.pop_if(|(from, _)| from == number);
        ranges.extend([(*number, *verdict), (number + 1, others)]);
    }
    ranges.dedup_by_key(|(_, verdict)| *verdict);
    ranges
}

fn tree(ranges: &[(u32, u32)]) -> BpfProgram {
    if let [(_, verdict)] = ranges {
        return vec![statement(RETURN, *verdict)];
    }
    let (below, from) = ranges.split_at(ranges.len() / 2);
    let first = from.first().map_or(u32::MAX, |(first, _)| *first);
    let (below, from) = (tree(below), tree(from));
    let is_from = |jt, jf| sock_filter { jt, jf, ..statement(IS_FROM, first) };
    let choice = match u8::try_from(below.len()) {
        Ok(length) => vec![is_from(length, 0)],
        // A comparison jumps over 255 at most.
        Err(_) => vec![is_from(0, 1), statement(JUMP, u32::try_from(below.len()).unwrap_or(u32::MAX))],
    };
    [choice, below, from].concat()
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the kernel would return, and after how many instructions.
    fn run(program: &[sock_filter], number: u32) -> (u32, usize) {
        let (mut at, mut steps) = (1, 1);
        loop {
            let one = &program[at];
            (at, steps) = (at + 1, steps + 1);
            match one.code {
                RETURN => return (one.k, steps),
                JUMP => at += one.k as usize,
                _ => at += usize::from(if number >= one.k { one.jt } else { one.jf }),
            }
        }
    }

    proptest! {
        #[test]
        fn each_number_has_its_verdict_and_is_found_in_few_steps(
            verdicts in prop::collection::btree_map(0..2_000_u32, 0..3_u32, 0..800),
        ) {
            let program = program(&verdicts, 9);
            for number in (0..2_002).chain([0x4000_0000, u32::MAX]) {
                let (verdict, steps) = run(&program, number);
                prop_assert_eq!(verdict, verdicts.get(&number).copied().unwrap_or(9), "{}", number);
                prop_assert!(steps <= 26, "{} steps to {}", steps, number);
            }
        }
    }
}
