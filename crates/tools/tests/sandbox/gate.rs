//! Whether all has to be tried. A machine may lack a tier, another user or a tool, and then it is only said what was not
//! run; where the variable asks for all, as the gate does (`.ci/run`), that is a failure.

const ASKED: (&str, &str) = ("AGENT_ATTACKS", "all");

/// Attacks, by a part of their names, and what a kernel may be without, and then cannot be attacked by.
const OF_THE_KERNEL: &[(&str, &str)] = &[
    ("32_bit_call", "CONFIG_IA32_EMULATION"),
    ("by_the_newer_call", "calls of Linux 6.17"),
    ("s7_see_the_group_beside_its_own", "control groups of the second version"),
    ("s4_ciphers_of_the_kernel", "CONFIG_CRYPTO_USER_API"),
    ("s8_calls_of_another_architecture", "CONFIG_X86_X32_ABI"),
    ("s8_memory_of_the_kernel", "CONFIG_PROC_KCORE"),
    ("s8_ports_of_the_machine", "CONFIG_X86_IOPL_IOPERM"),
    ("s8_sysrq", "CONFIG_MAGIC_SYSRQ"),
];

pub(crate) fn asks_for_all() -> bool {
    std::env::var_os(ASKED.0).is_some_and(|asked| asked == ASKED.1)
}

/// Says that something was not run. Whether it may be missing.
pub(crate) fn may_be_missing(name: &str, user: u32, why: &str) -> bool {
    let lacks = OF_THE_KERNEL.iter().find(|(part, _)| name.contains(part));
    let lacks = lacks.map_or(String::new(), |(_, what)| format!(" (a kernel without {what})"));
    println!("not run: {name} (user {user}): {why}{lacks}");
    !asks_for_all() || !lacks.is_empty()
}
