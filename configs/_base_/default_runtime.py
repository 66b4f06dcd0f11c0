# What every run shares: checkpoints, logging, hooks.

checkpoint_config = dict(interval=1)
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook')])
custom_hooks = [dict(type='NumClassCheckHook')]

# Kept for MMDetection's sake; a browser tab has no processes to set up.
dist_params = dict(backend='nccl')
log_level = 'INFO'

load_from = None
resume_from = None
workflow = [('train', 1)]

opencv_num_threads = 0
mp_start_method = 'fork'

# Scale the learning rate with the real batch size, relative to this one.
auto_scale_lr = dict(enable=False, base_batch_size=16)
