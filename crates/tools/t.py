import multiprocessing as m, os
from multiprocessing import shared_memory as s
def fill(name):
    other = s.SharedMemory(name=name); other.buf[0] = 7; other.close()
if __name__ == '__main__':
    own = s.SharedMemory(create=True, size=64)
    c = m.Process(target=fill, args=(own.name,)); c.start(); c.join()
    assert own.buf[0] == 7, own.buf[0]
    own.close(); own.unlink()
    v = m.Value('i', 0)
    with v.get_lock(): v.value = 5
    e = m.Event(); c = m.Process(target=e.set); c.start(); assert e.wait(20); c.join()
    try: s.SharedMemory(name='none-of-this-name'); assert False
    except FileNotFoundError: pass
