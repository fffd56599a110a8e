//! A small assembler for seccomp filters: per system call a list of rules, the first that matches decides; what no
//! rule names is allowed. A filter written here can look at single bits and refuse foreign numbers, which the
//! crates at hand cannot.

use libc::sock_filter;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    Fail(i32),
    /// Whoever holds the filter's listener makes the call, or not.
    Ask,
}

/// A test of one argument; but for addresses only of its low 32 bits, all that the kernel looks at in the calls we judge.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    /// `argument & mask == value`
    Is { argument: u8, mask: u32, value: u32 },
    /// `argument & mask != 0`
    Any { argument: u8, mask: u32 },
    /// It is an address, and not null.
    Given { argument: u8 },
}

/// The verdict when all tests hold.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    tests: Vec<Test>,
    verdict: Verdict,
}

/// A filter under construction, in the order in which its system calls were named.
#[derive(Debug, Default)]
pub(super) struct Filter {
    calls: Vec<(u32, Vec<Rule>)>,
}

impl Filter {
    pub(super) fn always(&mut self, call: i64, verdict: Verdict) {
        self.when(call, vec![], verdict);
    }

    pub(super) fn when(&mut self, call: i64, tests: Vec<Test>, verdict: Verdict) {
        let call = u32::try_from(call).expect("system call numbers are small");
        let rule = Rule { tests, verdict };
        match self.calls.iter_mut().find(|(known, _)| *known == call) {
            Some((_, rules)) => rules.push(rule),
            None => self.calls.push((call, vec![rule])),
        }
    }

    /// Calls of another architecture, and of x86's third one, do not exist.
    pub(super) fn assemble(&self) -> Vec<sock_filter> {
        let absent = ret(Verdict::Fail(libc::ENOSYS));
        let mut program = vec![load(ARCHITECTURE), jump(EQUAL, NATIVE, 1, 0), absent, load(NUMBER)];
        if cfg!(target_arch = "x86_64") {
            program.extend([jump(AT_LEAST, X32, 0, 1), absent]);
        }
        for (call, rules) in &self.calls {
            let body: Vec<_> =
                rules.iter().flat_map(Rule::assemble).chain([load(NUMBER)]).collect();
            program.push(jump(EQUAL, *call, 0, short(body.len())));
            program.extend(body);
        }
        program.push(ret(Verdict::Allow));
        program
    }
}

impl Rule {
    fn assemble(&self) -> Vec<sock_filter> {
        let mut code = vec![ret(self.verdict)];
        for test in self.tests.iter().rev() {
            let rest = short(code.len());
            let mut head = match *test {
                Test::Is { argument, mask, value } => {
                    vec![load(argument_offset(argument)), and(mask), jump(EQUAL, value, 0, rest)]
                }
                Test::Any { argument, mask } => {
                    vec![load(argument_offset(argument)), jump(ANY_BIT, mask, 0, rest)]
                }
                Test::Given { argument } => {
                    let low = argument_offset(argument);
                    vec![load(low), jump(EQUAL, 0, 0, 2), load(low + 4), jump(EQUAL, 0, rest, 0)]
                }
            };
            head.append(&mut code);
            code = head;
        }
        code
    }
}

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const X32: u32 = 0x4000_0000;

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const NATIVE: u32 = 0xc000_00f3;

const EQUAL: u32 = libc::BPF_JEQ;
const AT_LEAST: u32 = libc::BPF_JGE;
const ANY_BIT: u32 = libc::BPF_JSET;

/// The low half of an argument: all these architectures are little-endian.
fn argument_offset(index: u8) -> u32 {
    16 + 8 * u32::from(index)
}

fn short(length: usize) -> u8 {
    u8::try_from(length).expect("a call has few rules")
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn and(mask: u32) -> sock_filter {
    statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask)
}

fn jump(condition: u32, value: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { jt: yes, jf: no, ..statement(libc::BPF_JMP | libc::BPF_K | condition, value) }
}

fn ret(verdict: Verdict) -> sock_filter {
    let value = match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        Verdict::Ask => libc::SECCOMP_RET_USER_NOTIF,
        Verdict::Fail(errno) => libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
    };
    statement(libc::BPF_RET | libc::BPF_K, value)
}

fn statement(code: u32, value: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).expect("codes are 16 bits"), jt: 0, jf: 0, k: value }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The kernel's interpreter, as far as our filters use it.
    fn run(program: &[sock_filter], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend(number.to_le_bytes());
        data.extend(architecture.to_le_bytes());
        data.extend([0; 8]);
        arguments.iter().for_each(|argument| data.extend(argument.to_le_bytes()));
        let (mut at, mut a) = (0, 0_u32);
        loop {
            let step = program[at];
            at += 1;
            let condition = u32::from(step.code) & !(libc::BPF_JMP | libc::BPF_K);
            match u32::from(step.code) {
                code if code == libc::BPF_RET | libc::BPF_K => return step.k,
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    let offset = step.k as usize;
                    a = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
                }
                code if code == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => a &= step.k,
                _ => {
                    let taken = match condition {
                        EQUAL => a == step.k,
                        AT_LEAST => a >= step.k,
                        ANY_BIT => a & step.k != 0,
                        other => panic!("unknown code {other}"),
                    };
                    at += usize::from(if taken { step.jt } else { step.jf });
                }
            }
        }
    }

    /// What becomes of a call of this machine's own kind.
    pub(in crate::sandbox::linux) fn judged(
        program: &[sock_filter],
        call: i64,
        arguments: [u64; 6],
    ) -> u32 {
        run(program, NATIVE, u32::try_from(call).unwrap(), arguments)
    }

    pub(in crate::sandbox::linux) const FAILED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const ABSENT: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

    fn sample() -> Vec<sock_filter> {
        let mut filter = Filter::default();
        filter.always(10, Verdict::Fail(libc::EPERM));
        filter.when(20, vec![Test::Any { argument: 0, mask: 0x70 }], Verdict::Fail(libc::EPERM));
        let pair = |family, kind| {
            vec![
                Test::Is { argument: 0, mask: u32::MAX, value: family },
                Test::Is { argument: 1, mask: 0xf, value: kind },
            ]
        };
        filter.when(30, pair(1, 1), Verdict::Allow);
        filter.when(30, pair(2, 2), Verdict::Allow);
        filter.when(40, vec![Test::Given { argument: 1 }], Verdict::Fail(libc::EPERM));
        filter.always(30, Verdict::Fail(libc::EPERM));
        filter.assemble()
    }

    #[test]
    fn the_first_rule_that_matches_decides_and_the_rest_is_allowed() {
        let program = sample();
        let judge =
            |number, first, second| run(&program, NATIVE, number, [first, second, 0, 0, 0, 0]);
        assert_eq!(judge(10, 0, 0), FAILED);
        assert_eq!(judge(11, 0, 0), libc::SECCOMP_RET_ALLOW);
        assert_eq!(judge(20, 0x20, 0), FAILED);
        assert_eq!(judge(20, 0x0f, 0), libc::SECCOMP_RET_ALLOW);
        assert_eq!(judge(30, 1, 0x8_0001), libc::SECCOMP_RET_ALLOW);
        assert_eq!(judge(30, 2, 2), libc::SECCOMP_RET_ALLOW);
        assert_eq!(judge(30, 1, 2), FAILED);
        assert_eq!(judge(40, 0, 0), libc::SECCOMP_RET_ALLOW);
        assert_eq!([judge(40, 0, 1), judge(40, 0, 1 << 32)], [FAILED; 2]);
    }

    #[test]
    fn high_bits_of_an_argument_hide_nothing() {
        assert_eq!(run(&sample(), NATIVE, 20, [0xdead_0000_0000_0010, 0, 0, 0, 0, 0]), FAILED);
    }

    proptest! {
        #[test]
        fn foreign_calls_do_not_exist(number in any::<u32>(), architecture in any::<u32>()) {
            prop_assume!(architecture != NATIVE);
            prop_assert_eq!(run(&sample(), architecture, number, [0; 6]), ABSENT);
            if cfg!(target_arch = "x86_64") {
                prop_assert_eq!(run(&sample(), NATIVE, number | X32, [0; 6]), ABSENT);
            }
        }
    }
}
