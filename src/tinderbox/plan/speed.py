from tinderbox.plan.terms import Hardware

FLOPS_PER_BYTE = 34.0


def hardware_of(machine, engine):
    b = machine.bandwidth.value
    c = machine.compute.get("bf16")
    c = c.value if c else FLOPS_PER_BYTE * b
    e = machine.compute.get("fp8")
    f = machine.compute.get("fp4")
    e = e.value if e else c
    if engine in ("vllm", "sglang"):
        return Hardware(b, c, c, c)
    return Hardware(b, c, e, f.value if f else e)
