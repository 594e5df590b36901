"""Stimulation: who may send a pulse, when, and through which device.

The stimulator lives in a process of its own (:mod:`app.stimulate.process`), which the window
reaches through :mod:`app.stimulate.client`. In that process::

    stdin  -> messages -> interlock (gate + driver)  <- firing <- trains, on_target
    stdout <- outbox   <- control  -> recorder -> session file

A pulse goes out only while the leases of :mod:`app.stimulate.leases` are valid, and only after its
intent lies in the session file.
"""
