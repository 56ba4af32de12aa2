//! The link, the acknowledgement and the citation that NIH asks users of the data set for.

/// All three, and the citation as BibTeX.
pub const CITATION: &str = r"Link to the data set:
  https://nihcc.app.box.com/v/ChestXray-NIHCC

Acknowledge:
  The NIH Clinical Center is the provider of the data set.

Cite:
  Xiaosong Wang, Yifan Peng, Le Lu, Zhiyong Lu, Mohammadhadi Bagheri, Ronald M. Summers.
  ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised
  Classification and Localization of Common Thorax Diseases.
  IEEE CVPR, pp. 3462-3471, 2017.
  DOI 10.1109/CVPR.2017.369, arXiv 1705.02315.

@inproceedings{wang2017chestxray8,
  author    = {Wang, Xiaosong and Peng, Yifan and Lu, Le and Lu, Zhiyong and
               Bagheri, Mohammadhadi and Summers, Ronald M.},
  title     = {{ChestX-ray8}: Hospital-scale Chest {X-ray} Database and Benchmarks on
               Weakly-Supervised Classification and Localization of Common Thorax Diseases},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2017},
  pages     = {3462--3471},
  doi       = {10.1109/CVPR.2017.369},
  eprint    = {1705.02315},
  archiveprefix = {arXiv}
}
";
