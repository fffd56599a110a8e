//! Steps for the tests: a turn over one socket that is lost once.

use agent_protocol::{SendReason, StepCompleted, TransportKind, Usage};

pub(super) fn step(step: u32, reason: SendReason, up: u64, stateless: u64) -> StepCompleted {
    StepCompleted {
        step,
        response_id: format!("resp_{step}"),
        model: "m".into(),
        transport: TransportKind::Websocket,
        connection: 1,
        bytes_up: up,
        bytes_down: 2_000,
        bytes_stateless: stateless,
        incremental: reason == SendReason::Chained,
        reason,
        connect_ms: 0.0,
        ttfb_ms: 150.0,
        ttft_ms: Some(200.0),
        total_ms: 900.0,
        tool_wait_ms: 0.0,
        tool_ms: 0.0,
        overhead_ms: 0.6,
        usage: Usage {
            input_tokens: stateless / 4,
            cached_input_tokens: (stateless - up) / 4,
            output_tokens: 120,
            ..Usage::default()
        },
        cache_diagnostics: None,
        broken: false,
    }
}

pub(super) fn steps() -> Vec<StepCompleted> {
    let mut steps = vec![
        StepCompleted { connect_ms: 82.0, overhead_ms: 7.2, ..step(1, SendReason::First, 12_345, 12_345) },
        StepCompleted { tool_ms: 160.0, tool_wait_ms: 90.0, ..step(2, SendReason::Chained, 420, 14_100) },
        StepCompleted { broken: true, ttft_ms: None, ..step(3, SendReason::Chained, 388, 15_800) },
        StepCompleted { connection: 2, ..step(4, SendReason::AfterError, 15_900, 15_900) },
        step(5, SendReason::Chained, 512, 18_000),
    ];
    steps[3].total_ms = 1_432.0;
    steps
}
