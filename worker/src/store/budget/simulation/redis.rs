//! The scripts in an interpreter of the test's own.

use mlua::{FromLua, Function, Lua};

use super::super::call::Call;
use super::pipedrive::Time;

/// Runs scripts as Redis does, by simulated time.
pub(super) struct SimulatedRedis {
    lua: Lua,
}

impl SimulatedRedis {
    pub(super) fn new() -> Self {
        let lua = Lua::new();
        let loaded = lua.load(include_str!("redis.lua")).exec();
        loaded.expect("it is Lua");
        Self { lua }
    }

    /// Runs `script` at `now`.
    pub(super) fn run<T: FromLua>(&self, now: Time, script: &'static str, call: &Call) -> T {
        let globals = self.lua.globals();
        let set_clock: Function = globals.get("set_clock").expect("it is there");
        set_clock.call::<()>(now).expect("a clock");
        globals.set("KEYS", call.keys.clone()).expect("a table");
        globals
            .set("ARGV", call.arguments.clone())
            .expect("a table");
        let function = self.lua.named_registry_value::<Function>(script);
        let function = function.unwrap_or_else(|_| {
            let function = self.lua.load(script).into_function().expect("it is Lua");
            let kept = self.lua.set_named_registry_value(script, function.clone());
            kept.expect("room");
            function
        });
        function.call(()).expect("the script runs")
    }
}
