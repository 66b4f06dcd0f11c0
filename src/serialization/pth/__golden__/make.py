# Goldens of serialization/pth: files by the real torch.save.
# Source: PyTorch 1.13.0a0 (Debian python3-torch 1.13.1). Made by: python3 make.py in this folder. Tolerance: none.
import os
from collections import OrderedDict
import torch

class Evil:
    def __reduce__(self):
        return (os.system, ('echo pwned > /tmp/pwned',))

base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
state = OrderedDict(
    [('w', base), ('w_t', base.t()), ('row', base[1]), ('bf', (base[0] * 3).bfloat16()), ('count', torch.tensor(2**53 + 1))]
)
state._metadata = OrderedDict([('', dict(version=1))])
value = dict(
    meta=dict(epoch=3, lr=1.0, name='é', big=2**70, flags=(True, None), raw=b'\x00\xff'),
    state_dict=state,
    optimizer=dict(state={0: dict(step=5, buf=base[:, ::2])}, param_groups=[dict(lr=0.02, params=[0])]),
)
torch.save(value, 'zip.pth')
torch.save(value, 'legacy.pth', _use_new_zipfile_serialization=False)
torch.save(value, 'protocol4.pth', pickle_protocol=4)
torch.save(dict(state_dict=dict(x=Evil())), 'evil.pth')
torch.save(dict(cls=os.PathLike), 'class_only.pth')
