# The two to know: `make demo` and `make check`. Both install what is missing first (tools/deps).
#
# WERROR=1   warnings are errors, in a build folder of its own
# T="a b"    with check: only these tests

BUILD := build/$(if $(WERROR),werror,release)
SETUP := $(if $(WERROR),--werror)
NINJA := ninja -C

.PHONY: all demo check deps deps-check style san san-address san-thread bench bench-peers fuzz clean install

all: deps $(BUILD)/build.ninja
	@$(NINJA) $(BUILD) src/pollcast
	@ln -sfn $(notdir $(BUILD))/src/pollcast build/pollcast

deps:
	@tools/deps

build/%/build.ninja:
	@mkdir -p build && meson setup $(SETUP) build/$* >build/$*.log || { cat build/$*.log; exit 1; }

demo: all
	@examples/prices/run

# The last line is "N passed, N failed".
check: all
	@$(NINJA) $(BUILD) meson-test-prereq
	@tests/tools/run $(BUILD) $(T)

deps-check:
	@tests/tools/deps-check

style:
	@tests/tools/style

# Everything again under sanitizers: unit tests and live tests, each against its own program.
san: san-address san-thread

# The thread sanitizer does not start where addresses are randomised more widely than it expects.
FIXED := $(shell setarch -R true 2>/dev/null && echo setarch -R)

build/san-address/build.ninja: SETUP += -Db_sanitize=address,undefined -Db_lundef=false
build/san-thread/build.ninja: SETUP += -Db_sanitize=thread -Db_lundef=false

san-address san-thread: san-%: deps build/san-%/build.ninja
	@$(NINJA) build/$@ src/pollcast meson-test-prereq
	@ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
	SANITIZER=$* $(FIXED) tests/tools/run build/$@

# B="poll fanout": only these groups. ROUNDS=5: so many rounds. bench-peers measures other programs too, and installs them.
bench bench-peers: all
	@$(NINJA) $(BUILD) bench-programs
	@$(if $(filter bench-peers,$@),tools/deps --bench)
	@node tests/bench/run.mjs $(BUILD) $(if $(filter bench-peers,$@),--peers) $(if $(ROUNDS),--rounds $(ROUNDS)) $(B)

# Fuzzes each target for FUZZ_SECONDS; new inputs go to its corpus in the build folder. Needs clang.
FUZZ_SECONDS := 60
build/fuzz/build.ninja: SETUP += -Dfuzzing=true -Db_lundef=false
build/fuzz/build.ninja: export CC := clang

fuzz: deps build/fuzz/build.ninja
	@$(NINJA) build/fuzz
	@tests/tools/fuzz build/fuzz $(FUZZ_SECONDS)

install: all
	@meson install -C $(BUILD) --no-rebuild

# Keeps build/deps, which had to be fetched.
clean:
	rm -rf build/release build/werror build/san-address build/san-thread build/fuzz build/*.log build/pollcast
