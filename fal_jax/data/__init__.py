"""Tables, images, splits, preprocessing and batches as plain NumPy arrays, prepared on the host.

Row numbers are int32 everywhere, so that they can index JAX arrays as they are. Images are changed
on the device, by pure functions of a key and a batch: `pad_and_crop` and its neighbours.
"""

from fal_jax.data._augment import Mixed as Mixed
from fal_jax.data._augment import cutout as cutout
from fal_jax.data._augment import flip as flip
from fal_jax.data._augment import mixup as mixup
from fal_jax.data._augment import normalise as normalise
from fal_jax.data._augment import pad_and_crop as pad_and_crop
from fal_jax.data._batches import epoch_batches as epoch_batches
from fal_jax.data._batches import stream_batches as stream_batches
from fal_jax.data._blocks import block_holdout as block_holdout
from fal_jax.data._blocks import shared_pixel_fraction as shared_pixel_fraction
from fal_jax.data._columns import Column as Column
from fal_jax.data._images import IMAGES as IMAGES
from fal_jax.data._images import Images as Images
from fal_jax.data._images import load_images as load_images
from fal_jax.data._loading import TABLES as TABLES
from fal_jax.data._loading import available_tables as available_tables
from fal_jax.data._loading import load_table as load_table
from fal_jax.data._loading import table_files as table_files
from fal_jax.data._long_tails import long_tail_counts as long_tail_counts
from fal_jax.data._long_tails import long_tail_indices as long_tail_indices
from fal_jax.data._preprocessing import Preprocessing as Preprocessing
from fal_jax.data._preprocessing import fit_preprocessing as fit_preprocessing
from fal_jax.data._preprocessing import preprocess as preprocess
from fal_jax.data._sampling import ClassRows as ClassRows
from fal_jax.data._sampling import class_aware_rows as class_aware_rows
from fal_jax.data._sampling import class_rows as class_rows
from fal_jax.data._sampling import sample_rows as sample_rows
from fal_jax.data._satimage import load_satimage as load_satimage
from fal_jax.data._satimage import satimage_official_split as satimage_official_split
from fal_jax.data._scaling import Scaler as Scaler
from fal_jax.data._scaling import fit_scaler as fit_scaler
from fal_jax.data._scaling import scale as scale
from fal_jax.data._scene import satimage_blocks as satimage_blocks
from fal_jax.data._scene import satimage_positions as satimage_positions
from fal_jax.data._splits import Split as Split
from fal_jax.data._splits import shared_copy_fraction as shared_copy_fraction
from fal_jax.data._splits import stratified_folds as stratified_folds
from fal_jax.data._splits import stratified_holdout as stratified_holdout
from fal_jax.data._survey import MOST_LEVELS as MOST_LEVELS
from fal_jax.data._survey import Found as Found
from fal_jax.data._survey import Survey as Survey
from fal_jax.data._survey import survey_csv as survey_csv
from fal_jax.data._tables import Table as Table
from fal_jax.data._tables import check_table as check_table
from fal_jax.data._user_table import load_csv as load_csv
